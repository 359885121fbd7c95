"""AdminInitiateAuth and InitiateAuth: a password, answered with a challenge and never with tokens."""

from __future__ import annotations

from local.cognito import asking, challenges, messages, passwords
from local.cognito.asking import Told
from local.cognito.errors import invalid_parameter, not_authorized, wrong_credentials
from local.cognito.messages import Texted
from local.cognito.service import Answer, Params, Service
from local.cognito.users import User


def admin_initiate_auth(service: Service, params: Params) -> Answer:
    service.check_pool(params)
    return _initiate(service, params, "ADMIN_USER_PASSWORD_AUTH")


def initiate_auth(service: Service, params: Params) -> Answer:
    return _initiate(service, params, "USER_PASSWORD_AUTH")


def _initiate(service: Service, params: Params, offered: str) -> Answer:
    """``offered`` is the one flow of this operation. REFRESH_TOKEN_AUTH is never offered: it can't be enabled
    beside refresh rotation. Takes the lock itself, because the triggers run outside of it."""
    service.check_client(params)
    if params["AuthFlow"] != offered or offered not in service.pool.auth_flows:
        raise invalid_parameter("Auth flow not enabled for this client")
    given = params.get("AuthParameters", {})
    if "USERNAME" not in given or "PASSWORD" not in given:
        raise invalid_parameter("Missing required parameter USERNAME or PASSWORD")
    metadata = params.get("ClientMetadata", {})
    with service.lock:
        user = service.users.find(given["USERNAME"])
        told = Told.of(user) if user else None
    asking.pre_authentication(service, given["USERNAME"], told, metadata)
    with service.lock:
        outcome = _begun(service, given["USERNAME"], given["PASSWORD"])
    return messages.deliver(service, outcome, metadata)


def _begun(service: Service, name: str, password: str) -> Answer | Texted:
    user = _proven(service, name, password)
    if user.temporary_until is None:
        return challenges.after_password(service, user, challenges.AUTHENTICATION)
    if service.now() >= user.temporary_until:
        raise not_authorized("Temporary password has expired and must be reset by an administrator.")
    return challenges.new_password(service, user)


def _proven(service: Service, name: str, password: str) -> User:
    """The user, if the password is theirs. Until then a user and a stranger differ in no answer, and in time only
    by a dictionary look-up."""
    user = service.users.find(name)
    lock = user.lock if user else service.strangers.lock(name)
    now = service.now()
    lock.admit(now)
    if user is None:
        passwords.burn(password)
    elif user.password.matches(password):
        if not user.enabled:
            raise not_authorized("User is disabled.")
        return user
    lock.fail(now)
    raise wrong_credentials()
