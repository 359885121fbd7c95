"""AssociateSoftwareToken and VerifySoftwareToken: enrolment of an authenticator app.

With a session it continues an MFA_SETUP challenge: the secret belongs to that session alone, so nobody can verify
an app against a secret that was shown to somebody else. With an access token (that has the self-service scope) a
signed-in user enrols another app.
"""

from __future__ import annotations

from local.cognito import bearer
from local.cognito.errors import CognitoError, invalid_parameter, invalid_session
from local.cognito.issue import enabled_user
from local.cognito.service import Answer, Params, Service
from local.cognito.sessions import Session, Step
from local.cognito.totp import Totp, Verdict
from local.cognito.users import User


def associate_software_token(service: Service, params: Params) -> Answer:
    totp = Totp()
    if _is_session(params):
        session, user = _unenrolled(service, params["Session"], "MFA_SETUP")
        service.sessions.end(params["Session"])
        following = service.sessions.begin(user.sub, "VERIFY", session.source, totp=totp)
        return {"SecretCode": totp.secret, "Session": following}
    bearer.user_of(service, params["AccessToken"]).pending_totp = totp
    return {"SecretCode": totp.secret}


def verify_software_token(service: Service, params: Params) -> Answer:
    """A wrong code raises EnableSoftwareTokenMFAException and may be corrected, on a session three times."""
    if not _is_session(params):
        user = bearer.user_of(service, params["AccessToken"])
        if user.pending_totp is None:
            raise CognitoError("SoftwareTokenMFANotFoundException", "Software token MFA was not associated.")
        _check(service, user.pending_totp, params["UserCode"])
        user.enrol(user.pending_totp)
        return {"Status": "SUCCESS"}
    session, user = _unenrolled(service, params["Session"], "VERIFY")
    try:
        totp = _check(service, session.totp, params["UserCode"])
    except CognitoError:
        service.sessions.fail(params["Session"])
        raise
    user.enrol(totp)
    service.sessions.end(params["Session"])
    return {"Status": "SUCCESS", "Session": service.sessions.begin(user.sub, "ENROLLED", session.source)}


def _unenrolled(service: Service, token: str, awaits: Step) -> tuple[Session, User]:
    """A set-up session is for users without a factor: one that got a factor meanwhile must prove that instead."""
    session = service.sessions.find(token, awaits)
    user = enabled_user(service, session.sub)
    if user.factors():
        service.sessions.end(token)
        raise invalid_session()
    return session, user


def _check(service: Service, totp: Totp | None, code: str) -> Totp:
    if totp is None or totp.verify(code, service.now()) is not Verdict.RIGHT:
        message = "Code mismatch and fail enable Software Token MFA"
        raise CognitoError("EnableSoftwareTokenMFAException", message)
    return totp


def _is_session(params: Params) -> bool:
    if ("Session" in params) == ("AccessToken" in params):
        raise invalid_parameter("Give either a session or an access token.")
    return "Session" in params
