"""One-time codes: six random digits, ten minutes, three tries. A blind guess at one is right 3 times in 10^6."""

from __future__ import annotations

import hmac
import secrets

from phivault.crypto.subject_keys import SubjectKeys
from phivault.identity.pseudonym import pseudonym

LIFE_SECONDS = 600
TRIES = 3


def new_code() -> str:
    return f"{secrets.randbelow(10**6):06}"


def digest(keys: SubjectKeys, bound_to: str, code: str) -> str:
    """How a code is remembered: under a key, since a plain hash of six digits is undone in a moment.

    ``bound_to`` is the id of what the code is for: the same digits are another digest elsewhere.
    """
    return pseudonym(keys, "one-time code", bound_to, code)


def matching_none() -> str:
    """What stands in a digest's place where no code may fit."""
    return secrets.token_hex(32)


def is_right(keys: SubjectKeys, bound_to: str, code: str, remembered: str) -> bool:
    return hmac.compare_digest(digest(keys, bound_to, code), remembered)
