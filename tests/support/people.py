"""Principals and purposes for tests about access."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from phivault.access.principal import Principal
from phivault.access.purpose import Purpose, PurposeOfUse
from phivault.access.roles import Role

TREATMENT = Purpose(PurposeOfUse.TREATMENT, asserted=True)
RESEARCH = Purpose(PurposeOfUse.RESEARCH, asserted=True)
OPERATIONS = Purpose(PurposeOfUse.OPERATIONS, asserted=True)
PATIENT_REQUEST = Purpose(PurposeOfUse.PATIENT_REQUEST, asserted=True)
EMERGENCY = Purpose(PurposeOfUse.EMERGENCY, asserted=True)


def principal(role: Role, **changes: Any) -> Principal:
    """A signed-in user of tenant ``t``, a second factor passed."""
    someone = Principal("user", "t", role, "session", 1_700_000_000, "192.0.2.1", mfa=True)
    return replace(someone, **changes)
