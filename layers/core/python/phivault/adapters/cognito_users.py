"""Accounts of a Cognito user pool as administrators change them.

AWS actions on the pool: cognito-idp:AdminDisableUser, AdminEnableUser, AdminUserGlobalSignOut,
AdminUpdateUserAttributes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from botocore.exceptions import ClientError

from phivault.access.roles import Role
from phivault.adapters.aws import client, translated
from phivault.errors import NotFound

_UNKNOWN: Final = "UserNotFoundException"


class CognitoUsers:
    """Fills phivault.identity.user_admin.UserAdmin. The pool's user names are subs."""

    def __init__(self, user_pool_id: str) -> None:
        self._pool = user_pool_id

    def disable(self, user_id: str) -> None:
        with _known():
            client("cognito-idp").admin_disable_user(UserPoolId=self._pool, Username=user_id)

    def enable(self, user_id: str) -> None:
        with _known():
            client("cognito-idp").admin_enable_user(UserPoolId=self._pool, Username=user_id)

    def sign_out(self, user_id: str) -> None:
        with _known():
            client("cognito-idp").admin_user_global_sign_out(UserPoolId=self._pool, Username=user_id)

    def set_role(self, user_id: str, role: Role, patient_id: str | None) -> None:
        # An empty value removes the attribute, so that no patient stays with somebody who isn't one any more.
        attributes = {"custom:role": role.value, "custom:patient_id": patient_id or ""}
        with _known():
            client("cognito-idp").admin_update_user_attributes(
                UserPoolId=self._pool,
                Username=user_id,
                UserAttributes=[{"Name": name, "Value": value} for name, value in attributes.items()],
            )


@contextmanager
def _known() -> Iterator[None]:
    try:
        with translated("Cognito", _UNKNOWN):
            yield
    except ClientError:
        raise NotFound("There is no such user") from None
