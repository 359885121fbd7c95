"""The query of a search, as its URL gives it: ids, a patient, a count, a cursor, and nothing else yet.

Whoever can read a URL (proxies, histories, logs) learns what stands in it, so it holds opaque ids only.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from phivault.errors import InvalidInput, UnsupportedParameter

DEFAULT_COUNT = 50
MAX_COUNT = 100
MAX_IDS = 100
JSON_FORMATS = ("json", "application/json", "application/fhir+json")
_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")

# Search parameters of FHIR R4 whose values tell about a person, and others that clients commonly send.
_PHI = """
address address-city address-country address-postalcode address-state address-use birthdate code code-value-concept
code-value-date code-value-quantity code-value-string combo-code combo-value-concept combo-value-quantity date
death-date deceased email family gender given identifier name onset-date phone phonetic recorded-date relationship
telecom value-concept value-date value-quantity value-string _content _text
"""
_OTHERS = """
_contained _elements _format _has _include _lastUpdated _list _profile _revinclude _security _sort _source _summary _tag
_total _type active authored author based-on category class clinical-status encounter general-practitioner intent
language link location managing-organization organization participant partof performer period practitioner
recorder requester service-provider specialty status subject type verification-status
"""
PHI_PARAMETERS = frozenset(_PHI.split())
KNOWN_PARAMETERS = PHI_PARAMETERS | frozenset(_OTHERS.split())


@dataclass(frozen=True, slots=True)
class Query:
    """``patient`` is a bare id. ``cursor`` is as the last page's next link gave it."""

    ids: tuple[str, ...] | None = None
    patient: str | None = None
    count: int = DEFAULT_COUNT
    cursor: str | None = None

    @property
    def parameters(self) -> list[tuple[str, str]]:
        """What every link of this search repeats."""
        given = [("_id", ",".join(self.ids) if self.ids is not None else None), ("patient", self.patient)]
        return [(name, value) for name, value in given if value is not None] + [("_count", str(self.count))]


def parse(parameters: Sequence[tuple[str, str]]) -> Query:
    """Read the parameters of a GET. Raises UnsupportedParameter or InvalidInput, naming no value."""
    values: dict[str, str] = {}
    for name, value in parameters:
        _check_supported(name, value)
        if name in values:
            raise InvalidInput(f"{name} may be given once")
        values[name] = value
    return Query(
        ids=_ids(values["_id"]) if "_id" in values else None,
        patient=_patient(values["patient"]) if "patient" in values else None,
        count=_count(values.get("_count", str(DEFAULT_COUNT))),
        cursor=values.get("_cursor"),
    )


def _check_supported(name: str, value: str) -> None:
    if name in ("_id", "patient", "_count", "_cursor") or (name == "_format" and value in JSON_FORMATS):
        return
    plain = name.partition(":")[0].partition(".")[0]
    if plain in PHI_PARAMETERS:
        raise UnsupportedParameter(
            f"{plain} may tell about a person: such parameters travel only in the body of a POST _search,"
            " which isn't supported yet"
        )
    if plain in KNOWN_PARAMETERS:
        raise UnsupportedParameter(f"{plain} is not supported: use _id, patient, _count")
    raise UnsupportedParameter("A parameter is not supported: use _id, patient, _count")


def _ids(text: str) -> tuple[str, ...]:
    ids = tuple(dict.fromkeys(text.split(",")))
    if len(ids) > MAX_IDS or not all(map(_ID.fullmatch, ids)):
        raise InvalidInput(f"_id holds 1 to {MAX_IDS} ids, separated by commas")
    return ids


def _patient(text: str) -> str:
    patient = text.removeprefix("Patient/")
    if not _ID.fullmatch(patient):
        raise InvalidInput("patient is not an id or Patient/ and an id")
    return patient


def _count(text: str) -> int:
    if not re.fullmatch("[0-9]{1,3}", text) or not 1 <= int(text) <= MAX_COUNT:
        raise InvalidInput(f"_count is a number from 1 to {MAX_COUNT}")
    return int(text)
