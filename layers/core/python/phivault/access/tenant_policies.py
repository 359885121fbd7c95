"""A tenant's own policies: Cedar text about FHIR data, beside ours and under our guardrails."""

from __future__ import annotations

from typing import Protocol


class TenantPolicies(Protocol):
    """Obligations: a version, once it can be read, never changes. Unavailable when the store doesn't answer."""

    def text(self, tenant: str, version: int) -> str:
        """The policies of this version, from 1 on. Raises Unavailable where it isn't there: a version that the session
        named and nobody has is no reason to decide by fewer policies."""
