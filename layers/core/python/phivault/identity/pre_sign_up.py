"""The pre-sign-up trigger: accounts are made by our own functions alone, whole, or not at all.

Shape: https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-pre-sign-up.html
"""

from __future__ import annotations

from typing import Any

from phivault.access.roles import Role
from phivault.audit.system import NO_TENANT
from phivault.errors import AccessDenied
from phivault.identity.claims import PATIENT_ID
from phivault.identity.trigger import Asked

BY_US = "PreSignUp_AdminCreateUser"


def pre_sign_up(asked: Asked) -> dict[str, Any]:
    """The event, confirming and verifying nothing by itself: what is verified, our call says.

    Raises AccessDenied unless the account comes by AdminCreateUser, which takes AWS credentials of ours, with a tenant
    and a role, and a patient's with a patient. Cognito's public SignUp and accounts of other providers are refused.
    """
    if asked.source != BY_US:
        raise AccessDenied("Accounts are made by invitation or registration alone")
    if asked.tenant == NO_TENANT or not asked.role:
        raise AccessDenied("An account needs a tenant and a role")
    patient = asked.attributes.get("custom:patient_id", "")
    if (asked.role == Role.PATIENT) != (PATIENT_ID.fullmatch(patient) is not None):
        raise AccessDenied("A patient's account needs a patient, any other none")
    return asked.answer(autoConfirmUser=False, autoVerifyEmail=False, autoVerifyPhone=False)
