"""A forgotten password, first step: a code to the e-mail address, and an answer that is the same for everybody."""

from __future__ import annotations

import time
from collections.abc import Callable

from pydantic import Field

from phivault.audit.event import Action
from phivault.errors import InvalidCredentials
from phivault.identity import inputs
from phivault.identity.evenly import evenly
from phivault.identity.limits import Limit
from phivault.identity.service import Attempt, Identity
from phivault.identity.source import Source
from phivault.inputs import Body

ANSWER_SECONDS = 2.0
"""Cognito's work differs: only for a user is there a trigger to ask, which may have to start first, and a message to
send. Two seconds cover both."""


class ForgotPassword(Body):
    email: inputs.Email = Field(repr=False)


def forgot_password(
    identity: Identity, body: ForgotPassword, source: Source, *, sleep: Callable[[float], object] = time.sleep
) -> None:
    """Raises TooManyRequests, by address or by source, whoever the address is, or Unavailable; recorded before a code
    is sent."""
    attempt = Attempt(identity, Action.PASSWORD_FORGOT, source, body.email)
    with attempt.failure_recorded():
        identity.limits.spend(Limit.FORGOT_SOURCE, source.ip)
        identity.limits.spend(Limit.FORGOT, body.email)
    attempt.record()
    with evenly(ANSWER_SECONDS, sleep=sleep):
        with attempt.failure_recorded():
            sent = identity.password_provider.send_code(body.email)
        if not sent:  # for the auditor: nobody's address, or an account that may not have a code
            attempt.record(InvalidCredentials())
