"""ForgotPassword and ConfirmForgotPassword: public operations, by e-mail alone (AccountRecoverySetting).

An unknown name gets a simulated delivery and then CodeMismatchException (PreventUserExistenceErrors). A user who is
disabled, has only a temporary password or no verified address is refused, as documented, and so can be told apart here:
hiding that is up to who calls. Cognito doesn't document that refresh tokens end, so they don't.
"""

from __future__ import annotations

from typing import NoReturn

from local.cognito import asking, messages
from local.cognito.asking import Told
from local.cognito.errors import CognitoError, invalid_parameter, not_authorized
from local.cognito.messages import Letter
from local.cognito.operations.change_user import set_password
from local.cognito.resets import mismatch
from local.cognito.service import Answer, Params, Service
from local.cognito.users import User


def forgot_password(service: Service, params: Params) -> Answer:
    """Takes the lock itself, because the trigger runs outside of it."""
    service.check_client(params)
    name = params["Username"]
    with service.lock:
        user = service.users.find(name)
        letter = _letter(service, user) if user else service.resets.begin(name.lower())
    if isinstance(letter, Letter):
        messages.send(service, letter, params.get("ClientMetadata", {}))
        name = letter.to
    delivery = {"Destination": _masked(name), "DeliveryMedium": "EMAIL", "AttributeName": "email"}
    return {"CodeDeliveryDetails": delivery}


def confirm_forgot_password(service: Service, params: Params) -> Answer:
    """Takes the lock itself, because the trigger runs outside of it, after the change."""
    service.check_client(params)
    name, code = params["Username"], params["ConfirmationCode"]
    with service.lock:
        user = service.users.find(name)
        if user is None or not user.enabled:
            _fail(service, user.sub if user else name.lower())
        told = _replace(service, user, code, params["Password"])
    asking.post_confirmation(service, told, params.get("ClientMetadata", {}))
    return {}


def _letter(service: Service, user: User) -> Letter:
    if not user.enabled:
        raise not_authorized("User is disabled.")
    if user.temporary_until is not None:
        raise not_authorized("User password cannot be reset in the current state.")
    if user.attributes.get("email_verified") != "true":
        raise invalid_parameter(
            "Cannot reset password for the user as there is no registered/verified email or phone_number"
        )
    code = service.resets.begin(user.sub)
    source, email = "CustomMessage_ForgotPassword", user.attributes["email"]
    return Letter(source, Told.of(user), "email", email, "password-reset", code)


def _replace(service: Service, user: User, code: str, password: str) -> Told:
    service.resets.check(user.sub, code)
    if user.temporary_until is not None:
        raise not_authorized("User password cannot be reset in the current state.")
    set_password(service, user, password)
    service.resets.end(user.sub)
    user.modified = service.now()
    service.sessions.end_all(user.sub)
    return Told.of(user)


def _fail(service: Service, key: str) -> NoReturn:
    """No code is good for them, and each try counts."""
    try:
        service.resets.check(key, "")
    except CognitoError as error:
        if error.code == "LimitExceededException":
            raise
    raise mismatch()


def _masked(email: str) -> str:
    local, _, domain = email.partition("@")
    return f"{local[:1]}***@{domain[:1] or 'e'}***"
