"""Accounts of a Cognito user pool as a sign-up makes them. Nobody but us makes any: the pool is admin-create-only.

AWS actions on the pool: cognito-idp:AdminGetUser, AdminCreateUser, AdminSetUserPassword, AdminUpdateUserAttributes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from phivault.adapters.aws import client, error_code, translated
from phivault.adapters.cognito import REFUSED, WEAK
from phivault.errors import AccessDenied, Conflict, InvalidInput, PhivaultError
from phivault.identity.accounts import NewAccount

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp import CognitoIdentityProviderClient
    from mypy_boto3_cognito_idp.type_defs import AdminGetUserResponseTypeDef

ABANDONED_SECONDS = 60
"""An unfinished account this old is nobody's sign-up under way: a function lives half as long."""
_TAKEN: Final = ("UsernameExistsException", "AliasExistsException")
_UNFINISHED: Final = "FORCE_CHANGE_PASSWORD"
_ABSENT: Final = "UserNotFoundException"


class CognitoSignUps:
    """Fills phivault.identity.accounts.Accounts. ``now`` answers Unix seconds."""

    def __init__(self, user_pool_id: str, *, now: Callable[[], float] = time.time) -> None:
        self._pool, self._now = user_pool_id, now

    def exists(self, email: str) -> bool:
        user = self._user(email)
        return user is not None and user["UserStatus"] != _UNFINISHED

    def make(self, account: NewAccount) -> str:
        try:
            with _refusals(*_TAKEN):
                created = _api().admin_create_user(
                    UserPoolId=self._pool,
                    Username=account.contact.email,
                    UserAttributes=_listed(_attributes(account)),
                    MessageAction="SUPPRESS",
                )
        except ClientError:
            return self._taken_up(account)
        return created["User"]["Username"]

    def set_password(self, user_id: str, password: str) -> None:
        with _refusals():
            _api().admin_set_user_password(UserPoolId=self._pool, Username=user_id, Password=password, Permanent=True)

    def _taken_up(self, account: NewAccount) -> str:
        """The unfinished account that stands in the way."""
        taken = Conflict("The address has an account: sign in with it")
        user = self._user(account.contact.email)
        if user is None or user["UserStatus"] != _UNFINISHED:
            raise taken
        if self._now() - user["UserCreateDate"].timestamp() < ABANDONED_SECONDS:
            raise taken  # made by another sign-up of this address, which is at work now
        named = {one["Name"]: one.get("Value", "") for one in user.get("UserAttributes", ())}
        if (named.get("custom:tenant_id"), named.get("custom:role")) != (account.tenant, account.role.value):
            raise taken
        with _refusals():
            _api().admin_update_user_attributes(
                UserPoolId=self._pool,
                Username=user["Username"],
                UserAttributes=_listed(_phone(account) | _patient(account)),
            )
        return user["Username"]

    def _user(self, name: str) -> AdminGetUserResponseTypeDef | None:
        try:
            with translated("Cognito", _ABSENT):
                return client("cognito-idp").admin_get_user(UserPoolId=self._pool, Username=name)
        except ClientError:
            return None


def _attributes(account: NewAccount) -> dict[str, str]:
    own = {"email": account.contact.email, "email_verified": "true", **_phone(account)}
    own |= {"custom:tenant_id": account.tenant, "custom:role": account.role.value}
    return own | _patient(account)


def _patient(account: NewAccount) -> dict[str, str]:
    return {"custom:patient_id": account.patient_id} if account.patient_id else {}


def _phone(account: NewAccount) -> dict[str, str]:
    # Cognito challenges by SMS whoever has a verified number and no other factor: who chose an app must not have one.
    return {"phone_number": account.contact.phone_number, "phone_number_verified": "true" if account.sms else "false"}


def _listed(attributes: Mapping[str, str]) -> Any:
    return [{"Name": name, "Value": value} for name, value in attributes.items()]


def _api() -> CognitoIdentityProviderClient:
    # One attempt: a repeated call would find the account that its unanswered twin made.
    return client("cognito-idp", read_timeout=5.0, attempts=1)


@contextmanager
def _refusals(*taken: str) -> Iterator[None]:
    """Cognito's exceptions as ours; those of ``taken`` pass, for the caller to interpret."""
    try:
        with translated("Cognito", *WEAK, *REFUSED, *taken):
            yield
    except ClientError as error:
        if error_code(error) in taken:
            raise
        raise _refusal(error) from None


def _refusal(error: ClientError) -> PhivaultError:
    if error_code(error) in WEAK:
        return InvalidInput("password: the password policy refuses it")
    return AccessDenied("The account may not be made: no tenant or role")
