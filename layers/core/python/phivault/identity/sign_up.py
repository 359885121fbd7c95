"""Sign up, first step: an invitation, or a tenant's registration text with an address, buys a code.

The answer is the same whether the address has an account or not, and so is the work: one look for an account, one row,
one message. An address that has one is sent a notice, and no code fits its session. No password is taken yet, and
nothing exists at the identity provider before the last code (docs/adr/0023).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Self
from uuid import uuid4

from pydantic import Field, model_validator

from phivault.access.roles import Role
from phivault.audit.event import Action
from phivault.errors import AccessDenied
from phivault.identity import codes, contact
from phivault.identity.contact import Contact
from phivault.identity.evenly import evenly
from phivault.identity.inputs import Email
from phivault.identity.invitations import invited
from phivault.identity.limits import Limit
from phivault.identity.messages import Purpose, code_message, notice
from phivault.identity.pending_sign_up import Begun, Place, Step, begin
from phivault.identity.sending import send_email, send_text
from phivault.identity.service import Attempt, Identity
from phivault.identity.source import Source
from phivault.inputs import Body, rule

LOOK_SECONDS = 0.1
"""The one step whose work is Cognito's, and may differ by what it finds: a look takes a whole multiple of this."""

type PhoneNumber = Annotated[str, Field(pattern=r"^\+[1-9][0-9]{6,14}$")]
"""E.164."""
type Token = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{43}$")]
"""32 random bytes in base64url."""
type Registration = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{16,100}$")]


class SignUp(Body):
    """``registration`` with ``email``, or ``invitation`` alone; tenant, role and patient come from either."""

    registration: Registration | None = Field(default=None, repr=False)
    email: Email | None = Field(default=None, repr=False)
    invitation: Token | None = Field(default=None, repr=False)
    phone_number: PhoneNumber = Field(repr=False)

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        given = [name for name in ("registration", "email", "invitation") if getattr(self, name) is not None]
        if given not in (["registration", "email"], ["invitation"]):
            raise rule("takes either registration with email, or invitation alone")
        return self


@dataclass(frozen=True, slots=True)
class CodeSent:
    """``session`` takes the code that ``challenge`` names, for ``expires_in`` seconds."""

    challenge: Step
    session: str = field(repr=False)
    expires_in: int = codes.LIFE_SECONDS


def sign_up(
    identity: Identity, body: SignUp, source: Source, *, sleep: Callable[[float], object] = time.sleep
) -> CodeSent:
    """Raises AccessDenied (no such registration or invitation), TooManyRequests or Unavailable, each recorded."""
    attempt = Attempt(identity, Action.SIGN_UP, source, body.email)
    with attempt.failure_recorded():
        identity.limits.spend(Limit.SIGN_UP, source.ip)
        step, place, to = _invited(identity, body) if body.invitation else _registered(identity, body)
        attempt.email, attempt.step = to.email, step
        with evenly(LOOK_SECONDS, sleep=sleep):
            known = identity.accounts.exists(to.email)
        begun = begin(identity.keys, step, place, to, identity.now(), known=known)
        allow_message(identity, begun, to, source)
        identity.sign_ups.save_sign_up(begun.pending)
    attempt.record()
    send_code(identity, begun, to, source)
    return CodeSent(step, begun.session)


def allow_message(identity: Identity, begun: Begun, to: Contact, source: Source) -> None:
    """Raises TooManyRequests where the next message of this kind would be one too many."""
    if begun.pending.step is Step.PHONE_CODE and not begun.pending.known:
        identity.limits.spend(Limit.SMS_SOURCE, source.ip)
        identity.limits.spend(Limit.SMS_CODE, to.phone_number)
        # Last, so that what the narrower limits stop can't use up everybody's; and whoever registers by a text that is
        # public can't use up what invitations need.
        way = "invited" if begun.pending.place.invitation else "registered"
        identity.limits.spend(Limit.SMS_TENANT, begun.pending.place.tenant, way)
    else:
        identity.limits.spend(Limit.EMAIL_SOURCE, source.ip)
        identity.limits.spend(Limit.EMAIL_CODE, to.email)


def send_code(identity: Identity, begun: Begun, to: Contact, source: Source) -> None:
    """The code of a step, or the notice in its place. Raises Unavailable, recorded."""
    if begun.pending.known:
        send_email(identity, to.email, notice(Purpose.ALREADY_REGISTERED), source)
    elif begun.pending.step is Step.EMAIL_CODE:
        send_email(identity, to.email, code_message(Purpose.EMAIL_CODE, begun.code), source)
    else:
        message = code_message(Purpose.PHONE_CODE, begun.code)
        send_text(identity, to.phone_number, message, source, email=to.email)


def _registered(identity: Identity, body: SignUp) -> tuple[Step, Place, Contact]:
    tenant = identity.rules.tenant_of(body.registration or "")
    if tenant is None:
        raise AccessDenied("Nobody signs up by themselves with this registration")
    # A fresh id stands for nobody until an administrator links the account to a patient.
    place = Place(tenant, Role.PATIENT, str(uuid4()))
    return Step.EMAIL_CODE, place, Contact(body.email or "", body.phone_number)


def _invited(identity: Identity, body: SignUp) -> tuple[Step, Place, Contact]:
    """Whoever holds the token read the mail that it was sent in: the address is proven."""
    invitation = invited(identity, body.invitation or "")
    place = Place(invitation.tenant, invitation.role, invitation.patient_id, invitation.id)
    address = contact.unseal(identity.keys, invitation.email).email
    return Step.PHONE_CODE, place, Contact(address, body.phone_number)
