"""SignUp, which this pool refuses."""

from __future__ import annotations

from local.cognito.errors import not_authorized
from local.cognito.service import Answer, Params, Service


def sign_up(service: Service, params: Params) -> Answer:
    service.check_client(params)
    raise not_authorized("SignUp is not permitted for this user pool")
