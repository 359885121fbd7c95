"""AdminCreateUser."""

from __future__ import annotations

from local.cognito import asking, attributes, messages, passwords
from local.cognito.asking import Told
from local.cognito.errors import invalid_parameter
from local.cognito.messages import Letter
from local.cognito.operations.read_user import described
from local.cognito.passwords import StoredPassword
from local.cognito.service import Answer, Params, Service
from local.cognito.users import User

DAY = 86_400


def admin_create_user(service: Service, params: Params) -> Answer:
    """The user name given is the e-mail address; the user's own name becomes a random sub.

    Without SUPPRESS the temporary password goes to the outbox. RESEND is not provided. Takes the lock itself, because
    the triggers run outside of it; what the pre-sign-up trigger answers, but for a refusal, is ignored here as there.
    """
    service.check_pool(params)
    if params.get("MessageAction", "SUPPRESS") != "SUPPRESS":
        raise invalid_parameter("MessageAction RESEND is not provided by the local Cognito.")
    given = _given_attributes(service, params)
    password = params.get("TemporaryPassword") or passwords.generate()
    policy = service.pool.password_policy
    passwords.check(policy, password)
    now = service.now()
    until = now + policy.temporary_days * DAY
    user = User(attributes.new_sub(), given, StoredPassword(policy, password), now, now, until)
    metadata = params.get("ClientMetadata", {})
    asking.pre_sign_up(service, Told.of(user), params.get("ValidationData", []), metadata)
    with service.lock:
        service.users.add(user)
    if "MessageAction" not in params:
        letter = Letter("CustomMessage_AdminCreateUser", Told.of(user), "email", given["email"], "invitation", password)
        messages.send(service, letter, metadata)
    return {"User": {**described(user), "Attributes": attributes.listed(user.sub, user.attributes)}}


def _given_attributes(service: Service, params: Params) -> dict[str, str]:
    email = params["Username"]
    attributes.check_email(email)
    given = {"email": email, **attributes.parse(service.pool, params.get("UserAttributes", []))}
    if given["email"].lower() != email.lower():
        raise invalid_parameter("The email attribute differs from the username.")
    return {name: value for name, value in given.items() if value}
