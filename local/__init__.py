"""The whole product on one machine: the same functions behind local endpoints, loopback only."""
