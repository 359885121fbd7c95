"""What a request's body and parameters are read as, and the words for what is wrong with them.

Every face outside of ``fhir/`` says it with these words. They name places and rules, never what was sent: a member that
no model declares is the caller's own text, and so is the key of a table.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any, Final, LiteralString

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from phivault.errors import InvalidInput, UnsupportedParameter

_RULE: Final = "rule"
_UNKNOWN: Final = "extra_forbidden"
_OBJECT: Final = "has to be an object"
# What stands in braces comes from our models: bounds, patterns, the values that there are.
_WORDS: Final[Mapping[str, str]] = {
    "missing": "is missing",
    "string_type": "has to be a string",
    "string_unicode": "has to be UTF-8",
    "int_type": "has to be a whole number",
    "int_from_float": "has to be a whole number",
    "int_parsing": "has to be a whole number",
    "int_parsing_size": "has to be a smaller number",
    "bool_type": "has to be true or false",
    "list_type": "has to be a list",
    "dict_type": _OBJECT,
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
    "string_too_short": "has to have at least {min_length} characters",
    "string_too_long": "has to have at most {max_length} characters",
    "string_pattern_mismatch": "has to match {pattern}",
    "too_short": "has to hold at least {min_length}",
    "too_long": "has to hold at most {max_length}",
    "greater_than": "has to be more than {gt}",
    "greater_than_equal": "has to be at least {ge}",
    "less_than": "has to be less than {lt}",
    "less_than_equal": "has to be at most {le}",
    "enum": "has to be one of {expected}",
    "literal_error": "has to be one of {expected}",
}
_PLACE_IN_JSON: Final = re.compile(r"line [0-9]+ column [0-9]+")


class Body(BaseModel):
    """What any body is read as: nothing converted, nothing unknown."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)


def rule(text: LiteralString) -> PydanticCustomError:
    """What a validator raises for a rule of its own. ``text`` goes on after the member's name ("body" for the whole)
    and is shown as it stands: it says what is asked for and holds nothing of what was sent."""
    return PydanticCustomError(_RULE, text)


def read[T: Body](model: type[T], body: bytes) -> T:
    """A body from its JSON text; an empty one counts as ``{}``. Raises InvalidInput, for repeated members too."""
    try:
        found = model.model_validate_json(body or b"{}")
    except ValidationError as error:
        details = error.errors(include_input=False, include_url=False)
        raise InvalidInput("; ".join(sorted({_said(model, each) for each in details}))) from None
    # What passed is UTF-8 and shallow, so that the second reader can't stumble where the first didn't.
    json.loads(body or b"{}", object_pairs_hook=_once)
    return found


def known(parameters: Collection[str], names: Sequence[str]) -> None:
    """Raises UnsupportedParameter where one of ``parameters`` isn't among ``names``."""
    if set(parameters) - set(names):
        raise UnsupportedParameter("Supported: " + ", ".join(names))


def whole_number(parameters: Mapping[str, str], name: str, most: int) -> int:
    """The parameter, from 1 to ``most``; ``most`` where it isn't given. Raises InvalidInput."""
    text = parameters.get(name, str(most))
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and 0 < int(text) <= most):
        raise InvalidInput(f"{name}: has to be a whole number from 1 to {most}")
    return int(text)


def _once(members: list[tuple[str, Any]]) -> None:
    # Of two members by one name a reader before us, such as a firewall, may have judged the other.
    if len({name for name, _ in members}) < len(members):
        raise InvalidInput("body: a member is repeated")


def _said(model: type[Body], detail: ErrorDetails) -> str:
    kind, where = detail["type"], detail["loc"]
    if kind == _UNKNOWN:
        names = f" (known: {', '.join(model.model_fields)})" if len(where) == 1 else ""
        return f"{_place(model, where[:-1])}: has an unknown member{names}"
    return f"{_place(model, where)}: {_broken(kind, detail)}"


def _broken(kind: str, detail: ErrorDetails) -> str:
    context = detail.get("ctx", {})
    if kind == _RULE:
        return detail["msg"]
    if kind == "json_invalid":
        at = _PLACE_IN_JSON.search(str(context.get("error", "")))
        return f"is not JSON, at {at[0]}" if at else "is not JSON"
    words = _WORDS.get(kind, "is not valid")
    if "{expected}" in words:  # 'a', 'b' or 'c'
        return words.format(expected=", ".join(re.findall(r"'([^']*)'", context["expected"])))
    return words.format(**context) if "{" in words else words


def _place(model: type[Body], location: Sequence[int | str]) -> str:
    """As far as our own names lead: what follows the caller's key of a table isn't told apart."""
    place = ""
    for part in location:
        if isinstance(part, int):
            place += f"[{part}]"
        elif part in _names(model):
            place += f".{part}" if place else part
        else:
            break
    return place or "body"


@cache
def _names(model: type[Body]) -> frozenset[str]:
    """Every member that the model or one within it declares."""
    schema = model.model_json_schema()
    parts = [schema, *schema.get("$defs", {}).values()]
    return frozenset(name for part in parts for name in part.get("properties", ()))
