"""AdminRespondToAuthChallenge and RespondToAuthChallenge."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from local.cognito import challenges, messages
from local.cognito.errors import CognitoError, invalid_parameter, invalid_session
from local.cognito.issue import Grant, enabled_user, sign_in
from local.cognito.messages import Texted
from local.cognito.operations.change_user import set_password
from local.cognito.service import Answer, Params, Service
from local.cognito.sessions import Session, Step
from local.cognito.totp import Verdict
from local.cognito.users import Factor, User


@dataclass(frozen=True, slots=True)
class _Attempt:
    """A user's answer on a session that awaits it. ``token`` is the session's."""

    service: Service
    user: User
    session: Session
    token: str
    responses: Mapping[str, str]
    metadata: Mapping[str, str]

    def response(self, name: str) -> str:
        if name not in self.responses:
            raise invalid_parameter(f"Missing required parameter {name}")
        return self.responses[name]

    def require(self, factor: Factor) -> None:
        """An administrator may have removed the factor since the challenge was set."""
        if factor not in self.user.factors():
            self.service.sessions.end(self.token)
            raise invalid_session()

    def wrong(self, error: CognitoError) -> CognitoError:
        self.service.sessions.fail(self.token)
        return error

    def wrong_code(self, error: CognitoError) -> CognitoError:
        self.user.lock.fail(self.service.now())
        return self.wrong(error)

    def complete(self) -> Grant:
        self.service.sessions.end(self.token)
        self.user.lock.reset()
        return Grant(self.user.sub, self.session.source, self.metadata)


def admin_respond_to_auth_challenge(service: Service, params: Params) -> Answer:
    service.check_pool(params)
    return respond_to_auth_challenge(service, params)


def respond_to_auth_challenge(service: Service, params: Params) -> Answer:
    """The next challenge, or tokens. Takes the lock itself, because the triggers run outside of it."""
    service.check_client(params)
    with service.lock:
        outcome = _answer(service, params)
    if isinstance(outcome, Grant):
        return sign_in(service, outcome)
    return messages.deliver(service, outcome, params.get("ClientMetadata", {}))


def _answer(service: Service, params: Params) -> Answer | Texted | Grant:
    name, responses = params["ChallengeName"], params.get("ChallengeResponses", {})
    if name not in _ANSWERS:
        raise invalid_parameter("The challenge is not supported.")
    if "USERNAME" not in responses or "Session" not in params:
        raise invalid_parameter("Missing required parameter USERNAME or Session")
    awaits, answer = _ANSWERS[name]
    session = service.sessions.find(params["Session"], awaits)
    named = service.users.find(responses["USERNAME"])
    if named is None or named.sub != session.sub:
        service.sessions.fail(params["Session"])
        raise invalid_session()
    user = enabled_user(service, session.sub)
    return answer(_Attempt(service, user, session, params["Session"], responses, params.get("ClientMetadata", {})))


def _sms(attempt: _Attempt) -> Grant:
    code = attempt.response("SMS_MFA_CODE")
    attempt.user.lock.admit(attempt.service.now())
    attempt.require("SMS_MFA")
    if not hmac.compare_digest(attempt.session.code.encode(), code.encode()):
        raise attempt.wrong_code(_mismatch())
    return attempt.complete()


def _software_token(attempt: _Attempt) -> Grant:
    code = attempt.response("SOFTWARE_TOKEN_MFA_CODE")
    now = attempt.service.now()
    attempt.user.lock.admit(now)
    attempt.require("SOFTWARE_TOKEN_MFA")
    verdict = attempt.user.totp.verify(code, now) if attempt.user.totp else Verdict.WRONG
    if verdict is Verdict.REPLAYED:
        used = CognitoError("ExpiredCodeException", "Your software token has already been used once.")
        raise attempt.wrong_code(used)
    if verdict is Verdict.WRONG:
        raise attempt.wrong_code(_mismatch())
    return attempt.complete()


def _select(attempt: _Attempt) -> Answer | Texted:
    choice = attempt.response("ANSWER")
    if choice not in attempt.user.factors():
        raise attempt.wrong(invalid_parameter("The user can't sign in with the chosen MFA."))
    attempt.service.sessions.end(attempt.token)
    return challenges.for_factor(attempt.service, attempt.user, choice, attempt.session.source)


def _new_password(attempt: _Attempt) -> Answer | Texted:
    if any(name.startswith("userAttributes.") for name in attempt.responses):
        unwritable = CognitoError("NotAuthorizedException", "A client attempted to write unauthorized attribute")
        raise attempt.wrong(unwritable)
    password = attempt.response("NEW_PASSWORD")
    try:
        set_password(attempt.service, attempt.user, password)
    except CognitoError as error:
        raise attempt.wrong(error) from None
    attempt.user.modified = attempt.service.now()
    # Also ends a sign-in that somebody else began with the same temporary password.
    attempt.service.sessions.end_all(attempt.user.sub)
    return challenges.after_password(attempt.service, attempt.user, attempt.session.source)


def _mfa_setup(attempt: _Attempt) -> Grant:
    """The session itself proves the factor: only VerifySoftwareToken begins one that awaits this answer."""
    attempt.require("SOFTWARE_TOKEN_MFA")
    return attempt.complete()


def _mismatch() -> CognitoError:
    return CognitoError("CodeMismatchException", "Invalid code or auth state for the user.")


_ANSWERS: dict[str, tuple[Step, Callable[[_Attempt], Answer | Texted | Grant]]] = {
    "NEW_PASSWORD_REQUIRED": ("NEW_PASSWORD_REQUIRED", _new_password),
    "SMS_MFA": ("SMS_MFA", _sms),
    "SOFTWARE_TOKEN_MFA": ("SOFTWARE_TOKEN_MFA", _software_token),
    "SELECT_MFA_TYPE": ("SELECT_MFA_TYPE", _select),
    "MFA_SETUP": ("ENROLLED", _mfa_setup),
}
