"""How a user is shown to administrators. Times are Unix seconds."""

from __future__ import annotations

from typing import Any

from phivault.identity.directory import User


def shown(user: User, email: str | None) -> dict[str, Any]:
    """``email`` is None where its key was destroyed."""
    return {
        "user_id": user.user_id,
        "email": email,
        "role": user.role.value,
        "patient_id": user.patient_id,
        "status": user.status.value,
        "created": user.created,
        "last_sign_in": user.last_sign_in or None,
    }


def masked(email: str | None) -> str | None:
    """Enough to tell colleagues apart in a list: ``a…@example.org``."""
    return None if email is None else f"{email[:1]}…@{email.rpartition('@')[2]}"
