"""Send a sign-up's code anew: another one, in the same session, with the tries that are left."""

from __future__ import annotations

from pydantic import Field

from phivault.audit.event import Action
from phivault.identity import codes, contact
from phivault.identity.confirm_sign_up import standing
from phivault.identity.limits import Limit
from phivault.identity.pending_sign_up import Begun, Step
from phivault.identity.service import Attempt, Identity
from phivault.identity.sign_up import CodeSent, Token, allow_message, send_code
from phivault.identity.source import Source
from phivault.inputs import Body


class ResendCode(Body):
    challenge: Step
    session: Token = Field(repr=False)


def resend_code(identity: Identity, body: ResendCode, source: Source) -> CodeSent:
    """Raises InvalidCredentials for a session that is used or dead, TooManyRequests or Unavailable; recorded."""
    attempt = Attempt(identity, Action.SIGN_UP, source, step=body.challenge)
    with attempt.failure_recorded():
        pending = standing(identity, body.challenge, body.session)
        to = contact.unseal(identity.keys, pending.contact)
        attempt.email = to.email
        now, code = int(identity.now()), codes.new_code()
        begun = Begun(pending, body.session, code)
        identity.limits.spend(Limit.RESEND, pending.id)
        allow_message(identity, begun, to, source)
        fitting, none = codes.digest(identity.keys, pending.id, code), codes.matching_none()
        renewed = none if pending.known else fitting
        identity.sign_ups.renew_code(pending.id, renewed, now + codes.LIFE_SECONDS, now)
    attempt.record()
    send_code(identity, begun, to, source)
    return CodeSent(pending.step, body.session)
