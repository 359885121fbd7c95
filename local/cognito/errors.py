"""The one error that operations raise; the protocol turns it into an AWS error response."""

from __future__ import annotations


class CognitoError(Exception):
    """``code`` is an exception name of the cognito-idp service model (or of AWS's common errors).

    Messages are Cognito's own where they are known, and never hold a value from the request.
    """

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


def not_authorized(message: str) -> CognitoError:
    return CognitoError("NotAuthorizedException", message)


def invalid_parameter(message: str) -> CognitoError:
    return CognitoError("InvalidParameterException", message)


def wrong_credentials() -> CognitoError:
    """The same answer for a wrong password and for an unknown user (PreventUserExistenceErrors)."""
    return not_authorized("Incorrect username or password.")


def invalid_session() -> CognitoError:
    return not_authorized("Invalid session for the user, session is expired.")
