"""GetTokensFromRefreshToken."""

from __future__ import annotations

from local.cognito import issue
from local.cognito.service import Answer, Params, Service


def get_tokens_from_refresh_token(service: Service, params: Params) -> Answer:
    """New access, id and refresh tokens. Takes the lock itself, because the trigger runs outside of it."""
    service.check_client(params)
    answer = issue.refresh(service, params["RefreshToken"], params.get("ClientMetadata", {}))
    return {"AuthenticationResult": answer["AuthenticationResult"]}
