"""The pre-authentication trigger: whoever is suspended or offboarded doesn't even get to try a password.

Cognito asks for unknown users too (``userNotFound``), since the app client hides who exists. The same is done for them,
so that the time tells nothing either.
Shape: https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-pre-authentication.html
"""

from __future__ import annotations

from typing import Any

from phivault.errors import AccessDenied
from phivault.identity.directory import DirectoryStore, Status
from phivault.identity.trigger import Asked

_NOBODY = "-"  # a key that no user has: an empty one is none to DynamoDB


def pre_authentication(asked: Asked, directory: DirectoryStore) -> dict[str, Any]:
    """The event. Raises AccessDenied for a user who is suspended or offboarded, Unavailable where that can't be known.

    A user without a row has never signed in: rows are made by the first sign-in at the latest.
    """
    user = directory.user(asked.tenant, asked.user_id or _NOBODY)
    if user is not None and user.status is not Status.ACTIVE:
        raise AccessDenied("The account is not active")
    return asked.answer()
