"""A forgotten password, second step: the code and a new password buy a challenge, as any password does, never tokens.

Guessing: a code has six digits and lives an hour. Strangers to an account have at most 6 tries in an hour, here and at
sign-in together, and 29 in a day (``lockout``): odds of 6 in 10^6 against one code, of 29 in 10^6 in a day. At Cognito
itself, whose operation is public, it is 5 to 20 an hour. Whoever has both code and password still meets the second
factor, which nothing here changes.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated

from pydantic import Field

from phivault.audit.event import Action
from phivault.errors import InvalidCredentials, PhivaultError, Unavailable
from phivault.identity import inputs, passwords
from phivault.identity.pending import account_of
from phivault.identity.provider import Challenged
from phivault.identity.service import Attempt, Identity
from phivault.identity.sign_in import sign_in
from phivault.identity.source import Source
from phivault.inputs import Body

ATTEMPT = "password-reset:attempt"


class ResetPassword(Body):
    email: inputs.Email = Field(repr=False)
    code: Annotated[str, Field(pattern=r"^[0-9]{6}$", repr=False)]
    new_password: inputs.Password = Field(repr=False)


def reset_password(identity: Identity, body: ResetPassword, source: Source) -> Challenged:
    """Raises InvalidInput for a password that the policy refuses, which costs no try; InvalidCredentials, which does;
    TooManyRequests or Unavailable. Once the password is set, all sessions have ended, and what follows is a sign-in
    with it and its errors: it stands even if that one is refused."""
    attempt = Attempt(identity, Action.PASSWORD_RESET, source, body.email)
    with attempt.failure_recorded():
        passwords.check(body.new_password, email=body.email)
        account = account_of(identity.keys, body.email)
        with identity.lockout.counting(account, source):
            # Inside, so that a locked account's attempts are refused without a line each that says they went on.
            attempt.record_begun(ATTEMPT)
            _reset(identity, attempt, body)
        attempt.user_id = identity.password_provider.user_id(body.email)
        if not attempt.user_id:  # the account vanished between the two calls
            raise InvalidCredentials
        ended = identity.sessions.end_all(attempt.user_id, identity.now())
    attempt.record(flags=(f"sessions:ended:{ended}",))
    return sign_in(identity, inputs.SignIn(email=body.email, password=body.new_password), source)


def _reset(identity: Identity, attempt: Attempt, body: ResetPassword) -> None:
    try:
        identity.password_provider.reset(body.email, body.code, body.new_password)
    except Unavailable:
        # Nobody knows whether the new password stands. If it does, the old sessions mustn't.
        with suppress(PhivaultError):
            attempt.user_id = identity.password_provider.user_id(body.email)
            if attempt.user_id:
                identity.sessions.end_all(attempt.user_id, identity.now())
        raise
