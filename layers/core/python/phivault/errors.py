"""Every error that crosses a floor of this library.

::

    PhivaultError
    ├── InvalidInput 400
    │   └── UnsupportedParameter 400
    ├── Unauthenticated 401
    │   └── InvalidCredentials 401
    ├── AccessDenied 403
    │   ├── PurposeRequired 403
    │   ├── SignInAgain 403      the session is good, its sign-in too old for what was asked
    │   └── SourceRefused 403    the tenant doesn't let this role in from where the request comes from
    ├── NotFound 404
    ├── MethodNotAllowed 405
    ├── Conflict 409
    ├── Gone 410
    ├── PreconditionFailed 412
    ├── ContentTooLarge 413
    ├── UnsupportedMediaType 415
    ├── Unprocessable 422
    ├── TooManyRequests 429      retry_after in seconds
    ├── IntegrityError 500       sealed data doesn't open: altered, or opened in another context
    └── Unavailable 503          retry_after in seconds; a dependency is down, nothing was released

``detail`` is shown to callers and written to logs: it names places and rules, never a value from the input.
``code`` is the machine-readable name that the audit event records.
"""

from __future__ import annotations

from typing import ClassVar


class PhivaultError(Exception):
    """Base of the tree. ``status`` is the HTTP status (RFC 9110) that a face answers with."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"
    title: ClassVar[str] = "Internal error"

    def __init__(self, detail: str = "", *, retry_after: int | None = None) -> None:
        super().__init__(detail or self.title)
        self.detail = detail
        self.retry_after = retry_after


class InvalidInput(PhivaultError):
    status, code, title = 400, "invalid", "The request is not valid"


class UnsupportedParameter(InvalidInput):
    code, title = "unsupported-parameter", "A parameter is not supported"


class Unauthenticated(PhivaultError):
    status, code, title = 401, "unauthenticated", "Sign-in required"


class InvalidCredentials(Unauthenticated):
    code, title = "invalid-credentials", "Wrong password or code"


class AccessDenied(PhivaultError):
    status, code, title = 403, "denied", "Not permitted"


class PurposeRequired(AccessDenied):
    code, title = "purpose-required", "A purpose of use is required"


class SignInAgain(AccessDenied):
    code, title = "sign-in-again", "A recent sign-in is required"


class SourceRefused(AccessDenied):
    code, title = "source-refused", "Not permitted from here"


class NotFound(PhivaultError):
    status, code, title = 404, "not-found", "Not found"


class MethodNotAllowed(PhivaultError):
    status, code, title = 405, "method-not-allowed", "The method is not allowed here"


class Conflict(PhivaultError):
    status, code, title = 409, "conflict", "The present state does not allow it"


class Gone(PhivaultError):
    status, code, title = 410, "gone", "The resource was deleted"


class PreconditionFailed(PhivaultError):
    status, code, title = 412, "precondition-failed", "The version is not the current one"


class ContentTooLarge(PhivaultError):
    status, code, title = 413, "too-large", "The body is too large"


class UnsupportedMediaType(PhivaultError):
    status, code, title = 415, "unsupported-media-type", "The content type is not supported"


class Unprocessable(PhivaultError):
    status, code, title = 422, "unprocessable", "The request breaks a rule"


class TooManyRequests(PhivaultError):
    status, code, title = 429, "too-many-requests", "Too many requests"


class IntegrityError(PhivaultError):
    status, code, title = 500, "integrity", "Stored data failed its integrity check"


class Unavailable(PhivaultError):
    status, code, title = 503, "unavailable", "A dependency is unavailable"

    def __init__(self, detail: str = "", *, retry_after: int = 5) -> None:
        super().__init__(detail, retry_after=retry_after)


def named(code: str) -> type[PhivaultError]:
    """The error that has this ``code``; PhivaultError itself for a code of none."""
    kinds = [PhivaultError]
    for kind in kinds:  # the tree's branches are appended while it is walked
        if kind.code == code:
            return kind
        kinds += kind.__subclasses__()
    return PhivaultError
