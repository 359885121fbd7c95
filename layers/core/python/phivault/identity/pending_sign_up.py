"""Sign-ups under way: what is known between the first step and the last code. No account exists meanwhile.

A session names one step of one sign-up. It is random, kept as its SHA-256 alone, and answered once: the next step has
a session of its own.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from phivault.access.principal import Personal
from phivault.access.roles import Role
from phivault.crypto.subject_keys import SubjectKeys
from phivault.identity import codes, contact
from phivault.identity.contact import Contact


class Step(StrEnum):
    """What is to be answered next: the code that went to the e-mail address, or the one that went to the phone."""

    EMAIL_CODE = "EMAIL_CODE"
    PHONE_CODE = "PHONE_CODE"


@dataclass(frozen=True, slots=True)
class Place:
    """What a new account will be: never the caller's choice. ``invitation`` is an invitation's id, or empty where the
    tenant's registration text was given."""

    tenant: str
    role: Role
    patient_id: str | None
    invitation: str = ""


@dataclass(frozen=True, slots=True)
class PendingSignUp:
    """One step of a sign-up. ``id`` is the SHA-256 (hex) of its session; ``code`` is ``codes.digest`` of the one-time
    code under that id; ``known`` says that the address has an account, so that no code fits; ``expires`` is in Unix
    seconds."""

    id: str
    step: Step
    place: Place
    contact: Personal = field(repr=False)
    known: bool
    code: str = field(repr=False)
    expires: int
    tries: int = codes.TRIES


class SignUpStore(Protocol):
    """Obligations: reads see every earlier write; a row past its ``expires`` is absent; each write is atomic and
    durable once it returns. Raises Unavailable when the store doesn't answer."""

    def save_sign_up(self, pending: PendingSignUp) -> None: ...

    def sign_up(self, id: str) -> PendingSignUp | None:
        """The step, whether tries are left or not."""

    def spend_try(self, id: str, now: int) -> PendingSignUp | None:
        """The step with one try fewer; None, and nothing written, where none is left. However many ask at once, no
        more are told the step than tries were left."""

    def renew_code(self, id: str, code: str, expires: int, now: int) -> None:
        """Put another code in its place; tries stay as they are. InvalidCredentials where the step is gone or has no
        tries left."""

    def take_sign_up(self, id: str) -> bool:
        """Remove the step; True for exactly one of however many ask."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A step just begun: the session and the code, both in clear for as long as this call lasts."""

    pending: PendingSignUp
    session: str = field(repr=False)
    code: str = field(repr=False)


def begin(keys: SubjectKeys, step: Step, place: Place, to: Contact, now: float, *, known: bool = False) -> Begun:
    session = secrets.token_urlsafe(32)
    id, code = id_of(session), codes.new_code()
    # Both are computed whether the address is known or not: the time tells nothing.
    fitting, none = codes.digest(keys, id, code), codes.matching_none()
    sealed = contact.seal(keys, to, id, now)
    remembered = none if known else fitting
    expires = int(now) + codes.LIFE_SECONDS
    return Begun(PendingSignUp(id, step, place, sealed, known, remembered, expires), session, code)


def id_of(session: str) -> str:
    return hashlib.sha256(session.encode()).hexdigest()
