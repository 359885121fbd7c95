"""AdminUpdateUserAttributes, AdminSetUserPassword, AdminDisableUser and AdminEnableUser."""

from __future__ import annotations

from local.cognito import attributes, passwords
from local.cognito.operations.create_user import DAY
from local.cognito.service import Answer, Params, Service
from local.cognito.users import User


def admin_update_user_attributes(service: Service, params: Params) -> Answer:
    """A new address or number is unverified unless the same call says otherwise, and ends pending challenges: a
    code may be on its way to the old one."""
    user = _changed(service, params)
    given = attributes.parse(service.pool, params["UserAttributes"])
    if "email" in given:
        service.users.rename(user, given["email"])
    for name in ("email", "phone_number"):
        if name in given and given[name] != user.attributes.get(name):
            given.setdefault(f"{name}_verified", "false")
            service.sessions.end_all(user.sub)
    user.attributes = {name: value for name, value in (user.attributes | given).items() if value}
    return {}


def admin_set_user_password(service: Service, params: Params) -> Answer:
    """Permanent, or (by default) temporary: to be replaced at the next sign-in. Ends pending challenges."""
    user = _changed(service, params)
    set_password(service, user, params["Password"])
    if not params.get("Permanent", False):
        user.temporary_until = service.now() + service.pool.password_policy.temporary_days * DAY
    service.sessions.end_all(user.sub)
    return {}


def set_password(service: Service, user: User, password: str) -> None:
    """Raises InvalidPasswordException or PasswordHistoryPolicyViolationException."""
    passwords.check(service.pool.password_policy, password)
    user.password.replace(password)
    user.temporary_until = None


def admin_disable_user(service: Service, params: Params) -> Answer:
    """Also revokes the user's tokens and ends pending challenges."""
    user = _changed(service, params)
    user.enabled = False
    service.refresh_tokens.revoke_user(user.sub)
    service.sessions.end_all(user.sub)
    return {}


def admin_enable_user(service: Service, params: Params) -> Answer:
    _changed(service, params).enabled = True
    return {}


def _changed(service: Service, params: Params) -> User:
    service.check_pool(params)
    user = service.users.get(params["Username"])
    user.modified = service.now()
    return user
