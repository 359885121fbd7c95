"""What a tenant decides about its users' sessions, sign-up and places. Times are in seconds."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol

ANY_ROLE = "*"


@dataclass(frozen=True, slots=True)
class TenantRules:
    """``idle`` ends a session without requests, ``absolute`` any session (45 CFR 164.312(a)(2)(iii), automatic
    logoff). ``self_sign_up`` lets whoever holds ``registration``, a public random text that names the tenant, sign up
    as a patient. ``cooling`` passes between the approval of a reset of factors and its effect. ``networks`` are the
    CIDR blocks that a role, or ANY_ROLE for every role without an entry of its own, may come from; none: anywhere.
    ``purposes`` are the purposes of use that roles have where a request names none, instead of ours.
    ``version`` counts changes; 0 is a tenant that changed nothing."""

    idle: int = 30 * 60
    absolute: int = 12 * 3600
    self_sign_up: bool = False
    registration: str = field(default="", repr=False)
    cooling: int = 24 * 3600
    networks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    purposes: Mapping[str, str] = field(default_factory=dict)
    version: int = 0

    def admits(self, role: str, ip: str) -> bool:
        """Whether a user of this role may come from ``ip``. An address that can't be read is outside every list."""
        blocks = self.networks.get(role, self.networks.get(ANY_ROLE, ()))
        if not blocks:
            return True
        try:
            address = ipaddress.ip_address(ip)
        except ValueError:
            return False
        # An IPv4 client of a dual-stack listener: the lists know it by the address it has.
        mapped = getattr(address, "ipv4_mapped", None)
        return any((mapped or address) in block_of(block) for block in blocks)


@lru_cache(4096)
def block_of(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """A CIDR block. Raises ValueError, for host bits that are set too: ``10.0.0.1/8`` may have been meant otherwise."""
    return ipaddress.ip_network(text)


class TenantRulesStore(Protocol):
    """Obligations: reads see every earlier write. Unavailable when the store doesn't answer."""

    def rules(self, tenant: str) -> TenantRules:
        """The defaults for a tenant that changed nothing."""

    def replace_rules(self, tenant: str, rules: TenantRules) -> None:
        """Keep ``rules`` in place of version ``rules.version - 1``. Conflict where another change was first."""

    def tenant_of(self, registration: str) -> str | None:
        """The tenant whose registration text this is, while it lets people sign up by themselves."""
