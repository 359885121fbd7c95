"""Addresses reduced to what Safe Harbor lets stand: 45 CFR 164.514(b)(2)(i)(B)."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from phivault.phi.raw_json import Value

_ZIP = re.compile(r"([0-9]{3})[0-9]{2}(?:-?[0-9]{4})?", re.ASCII)
_COUNTRY = re.compile(r"[A-Z]{2,3}", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Geography:
    countries: frozenset[str]
    states: dict[str, str]
    restricted: frozenset[str]


def addresses(value: Value) -> Value:
    """State, three-digit ZIP code and country of each FHIR Address; each combination once."""
    reduced: list[Value] = []
    for address in value if isinstance(value, list) else []:
        place = _place(address) if isinstance(address, dict) else {}
        if place and place not in reduced:
            reduced.append(place)
    return reduced or None


def _place(address: dict[str, Value]) -> dict[str, Value]:
    country, state = _upper(address.get("country")), _state(_upper(address.get("state")))
    if country and country not in _geography().countries:
        # Elsewhere neither regions nor postal codes are known to be large enough.
        return {"country": country} if _COUNTRY.fullmatch(country) else {}
    if not country and not state:
        return {}  # five digits are a postal code in other countries too
    place: dict[str, Value] = {"state": state, "postalCode": _zip3(address.get("postalCode")), "country": "US"}
    return {name: part for name, part in place.items() if part}


def _state(text: str) -> str:
    """The abbreviation of a state; "" for anything else, which may be smaller than a state."""
    return _geography().states.get(text, "")


def _zip3(value: Value) -> str:
    found = _ZIP.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        return ""
    return "000" if found[1] in _geography().restricted else found[1]


def _upper(value: Value) -> str:
    return value.strip().upper() if isinstance(value, str) else ""


@cache
def _geography() -> _Geography:
    data = tomllib.loads((files("phivault.phi") / "us_geography.toml").read_text("utf-8"))
    states = {spelling: code for code, name in data["states"].items() for spelling in (code, name.upper())}
    restricted = frozenset(prefix for prefixes in data["restricted_zip3"].values() for prefix in prefixes)
    return _Geography(frozenset(data["names"]), states, restricted)
