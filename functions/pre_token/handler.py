"""Cognito's pre-token-generation trigger (V2_0): no tokens without a second factor, a tenant and a role."""

from __future__ import annotations

from typing import Any

from phivault.adapters.cognito import enrolled_factors
from phivault.errors import PhivaultError
from phivault.identity.pre_token import respond


class TokensRefused(Exception):
    """Cognito shows this text to whoever asked for tokens, so it gives no ground away."""


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001  (Lambda's signature)
    # The pool's id comes with the event: a pool that names its trigger can't be named by it at deployment.
    try:
        return respond(event, enrolled_factors(event["userPoolId"], event["userName"]))
    except PhivaultError as error:
        raise TokensRefused(error.code) from None
