"""Sign-up and sign-in for servers: the verbs of the API's auth routes, as functions.

Every attempt is recorded, limited and counted as one through the API. ``ip`` is the address of the person, not of the
server: lockouts, limits and allow-lists go by it, and a server that gives its own locks everybody out together.
"""

from __future__ import annotations

import json
from typing import Any

from phivault import bootstrap
from phivault.identity import inputs
from phivault.identity.challenge import challenge as answer_challenge
from phivault.identity.confirm_sign_up import ConfirmSignUp, confirm_sign_up
from phivault.identity.enrol_totp import Enrolment, enrol_totp
from phivault.identity.pending_sign_up import Step
from phivault.identity.provider import Challenged, Tokens
from phivault.identity.sign_in import sign_in
from phivault.identity.sign_up import CodeSent, SignUp, sign_up
from phivault.identity.source import Source
from phivault.ids import uuid7
from phivault.inputs import Body, read


def sign_up_with_mfa(
    *,
    phone_number: str,
    registration: str = "",
    email: str = "",
    invitation: str = "",
    ip: str,
    user_agent: str = "",
    request_id: str = "",
) -> CodeSent:
    """Begin a sign-up, by a tenant's ``registration`` text with an ``email``, or by an ``invitation`` alone;
    ``phone_number`` is E.164. A code is on its way: ``respond_to_challenge`` takes it with ``challenge`` and
    ``session`` of the answer, which looks the same for an address that has an account.

    Raises InvalidInput, AccessDenied (no such registration or invitation), TooManyRequests (``retry_after`` in
    seconds) or Unavailable.
    """
    fields = {"registration": registration, "email": email, "invitation": invitation, "phone_number": phone_number}
    body = _read(SignUp, fields)
    return sign_up(bootstrap.identity(), body, _source(ip, user_agent, request_id))


def sign_in_with_mfa(email: str, password: str, *, ip: str, user_agent: str = "", request_id: str = "") -> Challenged:
    """Check a password: the answer is a challenge, never tokens. Raises InvalidCredentials, TooManyRequests,
    AccessDenied or Unavailable."""
    body = _read(inputs.SignIn, {"email": email, "password": password})
    return sign_in(bootstrap.identity(), body, _source(ip, user_agent, request_id))


def set_up_authenticator(session: str, *, ip: str, user_agent: str = "", request_id: str = "") -> Enrolment:
    """The secret of an authenticator app, where MFA_SETUP was asked; its first code answers MFA_SETUP in the session
    that comes with it. Raises InvalidCredentials or Unavailable."""
    body = _read(inputs.MfaTotp, {"session": session})
    return enrol_totp(bootstrap.identity(), body, _source(ip, user_agent, request_id))


def respond_to_challenge(
    challenge: str,
    session: str,
    *,
    code: str = "",
    email: str = "",
    password: str = "",
    factor: str = "",
    new_password: str = "",
    ip: str,
    user_agent: str = "",
    request_id: str = "",
) -> CodeSent | Challenged | Tokens:
    """Answer a challenge of a sign-up or a sign-in: what comes next, or tokens once a second factor is proven.

    EMAIL_CODE takes ``code``. PHONE_CODE takes ``code``, the new account's ``password`` and its ``factor``
    (SOFTWARE_TOKEN_MFA or SMS_MFA). SMS_MFA, SOFTWARE_TOKEN_MFA, SELECT_MFA_TYPE and MFA_SETUP take ``email`` and
    ``code``, NEW_PASSWORD_REQUIRED ``email`` and ``new_password``. Raises InvalidCredentials for whatever is wrong
    about code or session, InvalidInput (a password that the policy refuses, a member that the challenge doesn't take),
    Conflict, AccessDenied, TooManyRequests or Unavailable.
    """
    source = _source(ip, user_agent, request_id)
    asked = {"challenge": challenge, "session": session, "code": code}
    if challenge in set(Step):
        body = _read(ConfirmSignUp, asked | {"password": password, "factor": factor})
        return confirm_sign_up(bootstrap.identity(), body, source)
    sent = _read(inputs.Challenge, asked | {"email": email, "new_password": new_password})
    return answer_challenge(bootstrap.identity(), sent, source)


def _read[T: Body](model: type[T], fields: dict[str, Any]) -> T:
    given = {name: value for name, value in fields.items() if value}
    return read(model, json.dumps(given).encode())


def _source(ip: str, user_agent: str, request_id: str) -> Source:
    return Source(ip, user_agent[:512], request_id or uuid7())
