"""Which challenge comes next. A correct password always meets one: there is no way to tokens around a factor."""

from __future__ import annotations

import json
import secrets

from local.cognito.asking import Told
from local.cognito.messages import Letter, Texted
from local.cognito.service import Answer, Service
from local.cognito.sessions import Step
from local.cognito.users import Factor, User

CODE_DIGITS = 6
AUTHENTICATION = "TokenGeneration_Authentication"
NEW_PASSWORD = "TokenGeneration_NewPasswordChallenge"


def after_password(service: Service, user: User, source: str) -> Answer | Texted:
    """The challenge for a user whose password is right and permanent."""
    factors = user.factors()
    if not factors:
        can_set_up = json.dumps(["SMS_MFA", "SOFTWARE_TOKEN_MFA"])
        return challenge(service, user, "MFA_SETUP", source, {"MFAS_CAN_SETUP": can_set_up})
    if user.preferred in factors or len(factors) == 1:
        return for_factor(service, user, user.preferred if user.preferred in factors else factors[0], source)
    return challenge(service, user, "SELECT_MFA_TYPE", source, {"MFAS_CAN_CHOOSE": json.dumps(factors)})


def for_factor(service: Service, user: User, factor: Factor, source: str) -> Answer | Texted:
    if factor == "SOFTWARE_TOKEN_MFA":
        return challenge(service, user, factor, source, {"FRIENDLY_DEVICE_NAME": ""})
    phone = user.attributes["phone_number"]
    code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"
    destination = "+" + "*" * (len(phone) - 5) + phone[-4:]
    delivery = {"CODE_DELIVERY_DELIVERY_MEDIUM": "SMS", "CODE_DELIVERY_DESTINATION": destination}
    answer = challenge(service, user, factor, source, delivery, code)
    return Texted(answer, Letter("CustomMessage_Authentication", Told.of(user), "sms", phone, "sign-in", code))


def new_password(service: Service, user: User) -> Answer:
    attributes = json.dumps(user.attributes)
    parameters = {"requiredAttributes": "[]", "userAttributes": attributes}
    return challenge(service, user, "NEW_PASSWORD_REQUIRED", NEW_PASSWORD, parameters)


def challenge(
    service: Service, user: User, name: Step, source: str, parameters: dict[str, str], code: str = ""
) -> Answer:
    return {
        "ChallengeName": name,
        "Session": service.sessions.begin(user.sub, name, source, code=code),
        "ChallengeParameters": {"USER_ID_FOR_SRP": user.sub, **parameters},
    }
