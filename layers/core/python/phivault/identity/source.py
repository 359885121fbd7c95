"""Where a request comes from."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Source:
    """``ip`` and ``user_agent`` are personal and print as nothing; ``request_id`` joins log and audit log."""

    ip: str = field(repr=False)
    user_agent: str = field(repr=False)
    request_id: str


def network_of(ip: str) -> str:
    """What counts as one source: an IPv4 address, or the /64 of an IPv6 one, which is what one customer holds at
    least. An address that can't be read is a source of its own."""
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return ip
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(address), 64), strict=False))
