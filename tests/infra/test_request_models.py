"""API Gateway's models are the handlers' own, as far as its dialect goes."""

from __future__ import annotations

import importlib

import pytest
from pydantic import BaseModel

from functions.table import TABLE
from infra.request_models import MODELS, schema


def test_models_are_those_of_the_operations(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PHIVAULT_PROFILE", "local")
    from phivault import web

    for row in TABLE:
        if row.routes:
            importlib.import_module(f"functions.{row.name}.handler")
    modelled = {
        key: operation.body
        for key, operation in web.OPERATIONS.items()
        if isinstance(operation.body, type) and issubclass(operation.body, BaseModel)
    }
    for optional in ("/v1/auth/sign-out", "/v1/audit/exports"):
        assert modelled.pop(("POST", optional))  # may come without a body
    assert modelled == MODELS


@pytest.mark.parametrize("model", MODELS.values(), ids=lambda model: model.__name__)
def test_draft_4_without_what_it_does_not_know(model: type[BaseModel]):
    made = schema(model)
    assert made["$schema"] == "http://json-schema.org/draft-04/schema#"
    assert made["additionalProperties"] is False
    assert made["required"]
    assert "$ref" not in str(made)
    assert "$defs" not in made
