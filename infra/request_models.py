"""Request models of API Gateway: what the auth routes take, from the same pydantic models that the handlers read.

A malformed body ends at the gateway. FHIR bodies have no model here: their rules need a validator.
"""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel

from phivault.identity import inputs

MODELS: Final[dict[tuple[str, str], type[BaseModel]]] = {
    ("POST", "/v1/auth/sign-in"): inputs.SignIn,
    ("POST", "/v1/auth/challenge"): inputs.Challenge,
    ("POST", "/v1/auth/mfa/totp"): inputs.MfaTotp,
    ("POST", "/v1/auth/refresh"): inputs.Refresh,
}
"""Sign-out may come without a body, which a model would refuse."""
_DRAFT = "http://json-schema.org/draft-04/schema#"
_KEPT = frozenset({"type", "properties", "required", "additionalProperties", "minLength", "maxLength", "enum", "anyOf"})


def schema(model: type[BaseModel]) -> dict[str, Any]:
    """JSON Schema of draft 4, all that API Gateway understands. Patterns stay with the handler: engines differ."""
    whole = model.model_json_schema()
    reduced = _reduced(whole, whole.get("$defs", {}))
    return {"$schema": _DRAFT, "title": model.__name__, **reduced}


def _reduced(node: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in node:
        node = definitions[node["$ref"].rsplit("/", 1)[1]]
    kept = {name: value for name, value in node.items() if name in _KEPT}
    if "properties" in kept:
        kept["properties"] = {name: _reduced(inner, definitions) for name, inner in kept["properties"].items()}
    if "anyOf" in kept:
        kept["anyOf"] = [_reduced(inner, definitions) for inner in kept["anyOf"]]
    return kept
