"""Whose an account of the user pool is."""

from __future__ import annotations

from botocore.exceptions import ClientError

from phivault.access.roles import Role
from phivault.adapters.aws import client, translated
from phivault.privacy.destroy_key import Account


class CognitoAccounts:
    """Fills phivault.privacy.destroy_key.Accounts. Needs cognito-idp:AdminGetUser on the pool."""

    def __init__(self, user_pool_id: str) -> None:
        self._pool = user_pool_id

    def __call__(self, user_id: str) -> Account | None:
        try:
            with translated("Cognito", "UserNotFoundException"):
                user = client("cognito-idp").admin_get_user(UserPoolId=self._pool, Username=user_id)
        except ClientError:
            return None
        named = {one["Name"]: one.get("Value", "") for one in user.get("UserAttributes", ())}
        patient = named.get("custom:patient_id", "") if named.get("custom:role") == Role.PATIENT else ""
        return Account(named.get("custom:tenant_id", ""), patient)
