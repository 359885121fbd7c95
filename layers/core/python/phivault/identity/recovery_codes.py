"""Recovery codes: ten of 80 random bits, shown once and kept hashed; each leads once to the enrolment of a new factor
(``recover.py``), and to nothing else.

A plain SHA-256 is enough for 80 random bits; the user's id in it keeps a table of hashes from serving for two users.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets

from phivault.audit.event import Action
from phivault.identity.factor_deed import FactorDeed
from phivault.identity.users.call import Call

CODES = 10
_OCTETS = 10
_CODE = re.compile(r"[A-Z2-7]{16}")


def new_recovery_codes(call: Call) -> tuple[str, ...]:
    """New codes in place of all earlier ones. Raises SignInAgain or Unavailable, recorded."""
    user_id = call.principal.user_id
    deed = FactorDeed(call, Action.RECOVERY_CODES, "RECOVERY_CODE")
    with deed.failure_recorded():
        deed.require()
        email = deed.email()
        codes = tuple(base64.b32encode(secrets.token_bytes(_OCTETS)).decode() for _ in range(CODES))
        deed.record()
        call.identity.factors.replace_recovery_codes(user_id, {hash_of(user_id, code) for code in codes})
    deed.tell(email)
    return tuple(_shown(code) for code in codes)


def normalised(text: str) -> str:
    """A code as it is hashed: no hyphens or spaces, upper case. Raises ValueError where it isn't one."""
    code = text.replace("-", "").replace(" ", "").upper()
    if not _CODE.fullmatch(code):
        raise ValueError("not a recovery code")
    return code


def hash_of(user_id: str, code: str) -> str:
    return hashlib.sha256(f"phivault recovery code v1\0{user_id}\0{code}".encode()).hexdigest()


def _shown(code: str) -> str:
    return "-".join(code[start : start + 4] for start in range(0, len(code), 4))
