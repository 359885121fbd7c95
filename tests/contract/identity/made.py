"""Sessions for the tests of stores, each of a user and tenant of its own."""

from __future__ import annotations

import os
import secrets
from dataclasses import replace
from typing import Any

from phivault.access.principal import Personal
from phivault.access.roles import Role
from phivault.identity.session import Session


def an_id() -> str:
    return secrets.token_hex(16)


def a_session(now: float, **changed: Any) -> Session:
    user_id, session_id = changed.pop("user_id", an_id()), an_id()
    session = Session(
        user_id=user_id,
        id=session_id,
        tenant=f"tenant-{secrets.token_hex(6)}",
        role=Role.CLINICIAN,
        patient_id=None,
        began=int(now * 1000),
        auth_time=int(now),
        opened=int(now),
        seen=int(now),
        expires=int(now) + 100,
        personal=Personal(f"User/{user_id}", session_id, os.urandom(100)),
        salt=os.urandom(16),
        place=os.urandom(32),
        refresh_hash=an_id(),
        token_ids=(an_id(),),
    )
    return replace(session, **changed)
