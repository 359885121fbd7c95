"""The sealer: stored lines become leaves of the Merkle log (docs/audit-format.md section 11)."""
