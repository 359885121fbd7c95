"""Which codes and labels say that a resource is about mental health, substance use, reproductive health or HIV.

``sensitivity.toml`` holds them, where they come from, and what they can't do.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from phivault.phi.raw_json import Value

_CONCEPTS = re.compile(r"[0-9]{6,18}", re.ASCII)
_WORDS = re.compile(r"[a-z]{4,}")
_WITHOUT_SYSTEM = ("icd", "snomed", "loinc", "act")
_CODINGS = frozenset({"coding", "security", "valueCoding", "securityLabel"})


@dataclass(frozen=True, slots=True)
class _Terms:
    """``systems`` is URL -> name; the rest is by that name. A prefix is a pair: what begins so lies between the two."""

    systems: dict[str, str]
    prefixes: dict[str, tuple[tuple[str, str], ...]]
    codes: dict[str, frozenset[str]]
    words: frozenset[str]


def says_sensitive(value: Value) -> bool:
    """Whether a FHIR value, at any depth, holds a code or a label of these subjects."""
    return any(_is_sensitive(coding, name) or _asks(coding) for coding, name in _objects(value))


def is_sensitive(system: str, code: str, display: str = "") -> bool:
    """Whether the code is one of these subjects. Without a system ("") every system whose codes can be told apart is
    tried: a sender who leaves it out doesn't make the code harmless."""
    name = _system(system)
    tried = (name,) if name else () if system else _WITHOUT_SYSTEM
    return any(_holds(each, code.strip()) for each in tried) or (name in ("rxnorm", "ndc") and _names_drug(display))


def _objects(value: Value) -> Iterator[tuple[dict[str, Value], str]]:
    """Every object in a value, with the name of the member that it stands in."""
    waiting: list[tuple[Value, str]] = [(value, "")]
    while waiting:
        item, name = waiting.pop()
        if isinstance(item, dict):
            yield item, name
            waiting += [(part, member) for member, part in item.items() if isinstance(part, (dict, list))]
        elif isinstance(item, list):
            waiting += [(part, name) for part in item]


def _is_sensitive(coding: dict[str, Value], name: str) -> bool:
    system, code, display = (coding.get(part) for part in ("system", "code", "display"))
    if not isinstance(code, str) or (not system and name not in _CODINGS):
        return False
    return is_sensitive(system if isinstance(system, str) else "", code, display if isinstance(display, str) else "")


def _asks(item: dict[str, Value]) -> bool:
    """Questions of a LOINC panel are known by their ``linkId``: "/44250-9"."""
    link = item.get("linkId")
    return isinstance(link, str) and link.strip("/") in _terms().codes["loinc"]


def is_panel(canonical: Value) -> bool:
    """Whether a Questionnaire's URL ends in the code of a LOINC panel of these subjects."""
    tail = canonical.partition("|")[0].rstrip("/").rpartition("/")[2] if isinstance(canonical, str) else ""
    return tail in _terms().codes["loinc"]


def _system(url: str) -> str:
    plain = url.partition("|")[0].strip().rstrip("/").replace("https://", "http://").lower()
    return "snomed" if plain.startswith("http://snomed.info/sct") else _terms().systems.get(plain, "")


def _holds(system: str, code: str) -> bool:
    terms = _terms()
    if system == "snomed":  # an expression holds the concepts that it is made of
        return any(concept in terms.codes["snomed"] for concept in _CONCEPTS.findall(code))
    plain = code.upper().replace(".", "").replace(" ", "")
    if any(low <= plain[: len(low)] and plain[: len(high)] <= high for low, high in terms.prefixes.get(system, ())):
        return True
    return code.upper() in terms.codes.get(system, frozenset())


def _names_drug(display: str) -> bool:
    return not _terms().words.isdisjoint(_WORDS.findall(display.lower()))


@cache
def _terms() -> _Terms:
    data = tomllib.loads((files("phivault.phi") / "sensitivity.toml").read_text("utf-8"))
    systems = {
        url.replace("https://", "http://").lower(): name for name, urls in data["systems"].items() for url in urls
    }
    prefixes = {name: tuple(map(_range, given)) for name, given in data["prefixes"].items()}
    codes = {name: frozenset(text.split()) for name, text in data["codes"].items()}
    return _Terms(systems, prefixes, codes, frozenset(data["words"]["rxnorm"].split()))


def _range(text: str) -> tuple[str, str]:
    low, _, high = text.partition("-")
    return low, high or low
