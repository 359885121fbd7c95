"""Tenants' own policies in memory."""

from __future__ import annotations

from phivault.errors import Unavailable


class MemoryTenantPolicies:
    """``texts`` are by tenant and version."""

    def __init__(self, texts: dict[tuple[str, int], str] | None = None) -> None:
        self.texts = texts or {}

    def text(self, tenant: str, version: int) -> str:
        if (tenant, version) not in self.texts:
            raise Unavailable("The tenant's policies aren't there")
        return self.texts[tenant, version]
