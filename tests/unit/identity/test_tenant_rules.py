"""From where a role may come."""

from __future__ import annotations

import pytest

from phivault.identity.tenant_rules import TenantRules, block_of

RULES = TenantRules(networks={"*": ("203.0.113.0/24", "2001:db8:1::/48"), "tenant_admin": ("198.51.100.7/32",)})


@pytest.mark.parametrize(
    ("role", "ip", "admitted"),
    [
        ("clinician", "203.0.113.255", True),
        ("clinician", "203.0.114.0", False),
        ("clinician", "2001:db8:1::9", True),
        ("clinician", "2001:db8:2::9", False),
        ("clinician", "::ffff:203.0.113.9", True),
        ("clinician", "::ffff:198.51.100.7", False),
        ("clinician", "198.51.100.7", False),
        ("tenant_admin", "198.51.100.7", True),
        ("tenant_admin", "203.0.113.9", False),  # a role's own list stands in place of everybody's
        ("clinician", "", False),
        ("clinician", "unknown", False),
        ("clinician", "203.0.113.9, 198.51.100.7", False),
        ("clinician", "203.0.113.9:443", False),
        ("clinician", "0313.0.0161.9", False),  # octal, which some parsers take
        ("clinician", "3405803785", False),
    ],
)
def test_who_is_admitted(role: str, ip: str, admitted: bool) -> None:
    assert RULES.admits(role, ip) is admitted


def test_without_a_list_everybody_is() -> None:
    assert TenantRules().admits("clinician", "192.0.2.1")
    assert TenantRules(networks={"auditor": ("192.0.2.0/24",)}).admits("clinician", "203.0.113.1")


@pytest.mark.parametrize("text", ["10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/-1", "example.test", "", "10.0.0.0/8/8"])
def test_what_is_no_block(text: str) -> None:
    with pytest.raises(ValueError):
        block_of(text)
