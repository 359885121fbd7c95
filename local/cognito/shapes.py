"""Reads a request's JSON against the service model that ships with botocore."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import botocore.session
from botocore.model import ServiceModel
from botocore.validate import ParamValidator

from local.cognito.errors import CognitoError, invalid_parameter
from local.cognito.service import Params


def parse(operation: str, body: bytes) -> Params:
    """The members that are not null: raises SerializationException or InvalidParameterException."""
    try:
        document = json.loads(body or b"{}")
        json.dumps(document, ensure_ascii=False).encode()  # a lone surrogate can't be encoded
    except (ValueError, RecursionError):
        raise CognitoError("SerializationException", "The body is not valid JSON.") from None
    if not isinstance(document, dict):
        raise CognitoError("SerializationException", "The body is not a JSON object.")
    params: dict[str, Any] = {name: value for name, value in document.items() if value is not None}
    shape = _model().operation_model(operation).input_shape
    # The validator's own report quotes values, so it isn't passed on.
    if shape is not None and ParamValidator().validate(params, shape).has_errors():
        raise invalid_parameter("A parameter is missing or doesn't have the type and length it must have.")
    return params


@cache
def _model() -> ServiceModel:
    return botocore.session.get_session().get_service_model("cognito-idp")
