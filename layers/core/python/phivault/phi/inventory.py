"""The inventory: every place that takes, keeps or tells data, with its data class, its Safe Harbor identifiers, whether
it holds them in clear, sealed or hashed, and for how long. docs/data-inventory.md tells how to read it.

``catalogue.toml`` speaks of the elements of FHIR resources, the files ``inventory_*.toml`` of all the rest. Tests hold
them equal to what there is: requests, columns, rows, objects, log lines, messages, attributes, settings.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any, Final

from phivault.phi import catalogue
from phivault.phi.catalogue import IDENTIFIERS
from phivault.phi.data_class import DataClass

PHI: Final = frozenset({DataClass.CONTACT, DataClass.IDENTIFYING, DataClass.CLINICAL, DataClass.SENSITIVE})
"""The classes of which schema ``app``, logs and alerts hold nothing."""
NONE: Final = "none"
_FILES: Final = ("inventory_requests.toml", "inventory_stores.toml", "inventory_outputs.toml")
_RECORD: Final = ("postgres phi.resources envelope", "postgres phi.history envelope")
_INDEX: Final = ("postgres phi.search_tokens token",)


class Kind(StrEnum):
    """What sort of place it is. The first six are where data comes in, the others where it is kept or told."""

    FHIR = "fhir"
    BODY = "body"
    QUERY = "query"
    PATH = "path"
    HEADER = "header"
    CONNECTION = "connection"
    POSTGRES = "postgres"
    DYNAMODB = "dynamodb"
    S3 = "s3"
    AUDIT = "audit"
    COGNITO = "cognito"
    MESSAGE = "message"
    ALERT = "alert"
    LOG = "log"
    GATEWAY_LOG = "gateway-log"
    SETTING = "setting"


INPUTS: Final = frozenset({Kind.FHIR, Kind.BODY, Kind.QUERY, Kind.PATH, Kind.HEADER, Kind.CONNECTION})


class Form(StrEnum):
    """How a value stands there. PASSING: a place where data comes in keeps nothing; ``Place.to`` says what does."""

    CLEAR = "clear"
    SEALED = "sealed"
    HASHED = "hashed"
    PASSING = "passing"


@dataclass(frozen=True, slots=True)
class Place:
    """``data_class`` is None for what is no PHI, and ``why`` says why. ``sealer`` names the entry of ``sealers`` that
    seals. ``to`` are the places that the values go to; ``until`` is how long they stay here. ``name`` and ``group`` may
    hold ``*``, for ids. ``unseen`` says why no run of the local stack shows the place."""

    kind: Kind
    group: str
    name: str
    data_class: DataClass | None
    letters: frozenset[str]
    form: Form
    sealer: str = ""
    until: str = ""
    why: str = ""
    to: tuple[str, ...] = ()
    unseen: str = ""

    @property
    def id(self) -> str:
        return f"{self.kind} {self.group} {self.name}"

    @property
    def holds_phi(self) -> bool:
        return self.data_class in PHI

    def is_place_of(self, id: str) -> bool:
        """Whether an actual place (ids in it where this one has ``*``) is this one."""
        return _pattern(self.id).fullmatch(id) is not None


@dataclass(frozen=True, slots=True)
class Sealer:
    """Code that seals: the ``modules`` that do, and the subject whose ``key`` they take."""

    key: str
    modules: tuple[str, ...]


def places() -> tuple[Place, ...]:
    """All of them, in the order of kinds, then as the files have them."""
    return _load()[0]


def sealers() -> Mapping[str, Sealer]:
    return _load()[1]


def of_kind(kind: Kind) -> tuple[Place, ...]:
    return tuple(place for place in places() if place.kind is kind)


def find(id: str) -> Place | None:
    """The place of the inventory that an actual place is, if it is one; what is named goes before what has stars."""
    matching = sorted((place for place in places() if place.is_place_of(id)), key=lambda place: place.id.count("*"))
    return matching[0] if matching else None


@cache
def _load() -> tuple[tuple[Place, ...], dict[str, Sealer]]:
    found: list[Place] = []
    sealers: dict[str, Sealer] = {}
    indexed: dict[str, list[str]] = {}
    for name in _FILES:
        data = tomllib.loads((files("phivault.phi") / name).read_text("utf-8"))
        sets = data.pop("sets", {})
        indexed |= data.pop("indexed", {})
        sealers |= {one: Sealer(table["key"], tuple(table["modules"])) for one, table in data.pop("seal", {}).items()}
        for kind, groups in data.items():
            found += [place for group, table in groups.items() for place in _places(Kind(kind), group, table, sets)]
    found += _elements(indexed)
    order = list(Kind)
    return tuple(sorted(found, key=lambda place: order.index(place.kind))), sealers


def _elements(indexed: Mapping[str, Sequence[str]]) -> Iterator[Place]:
    """FHIR elements: all sealed in the record's versions, generalised forms beside them; some indexed."""
    for type in sorted(catalogue.types()):
        for name in sorted(catalogue.elements(type)):
            kind, letters = catalogue.classify(type, name), catalogue.safe_harbor(type, name)
            to = _RECORD + _INDEX if name in indexed.get(type, ()) else _RECORD
            yield Place(Kind.FHIR, type, name, kind, letters, Form.PASSING, to=to)
    yield Place(Kind.FHIR, "*", "*", DataClass.SENSITIVE, IDENTIFIERS, Form.PASSING, to=_RECORD)


def _places(kind: Kind, group: str, table: Mapping[str, Any], sets: Mapping[str, list[str]]) -> Iterator[Place]:
    shared = {name: table[name] for name in ("until", "unseen") if name in table}
    for word in (*DataClass, NONE):
        for name, said in table.get(word, {}).items():
            told = shared | ({"why": said} if isinstance(said, str) else said)
            yield _place(kind, group, name, word, told | {"to": _expanded(told.get("to", ()), sets)})
    if unknown := set(table) - {*DataClass, NONE, "until", "unseen"}:
        raise ValueError(f"{kind} {group}: there is no class {sorted(unknown)}")


def _place(kind: Kind, group: str, name: str, word: str, said: Mapping[str, Any]) -> Place:
    letters = IDENTIFIERS if said.get("letters") == "any" else frozenset(said.get("letters", ""))
    if unknown := set(said) - {"letters", "sealed", "hashed", "until", "why", "to", "unseen"} or letters - IDENTIFIERS:
        raise ValueError(f"{kind} {group} {name}: unknown {sorted(unknown)}")
    return Place(
        kind,
        group,
        name,
        None if word == NONE else DataClass(word),
        letters,
        Form.PASSING if kind in INPUTS else _form(said),
        sealer=said.get("sealed", ""),
        until=said.get("until", ""),
        why=said.get("why", ""),
        to=tuple(said.get("to", ())),
        unseen=said.get("unseen", ""),
    )


def _expanded(to: Iterable[str], sets: Mapping[str, list[str]]) -> tuple[str, ...]:
    """Each place once; a name of a set stands for its own, sets in it included."""
    found = (one for name in to for one in (_expanded(sets[name], sets) if name.startswith("@") else (name,)))
    return tuple(dict.fromkeys(found))


def _form(said: Mapping[str, Any]) -> Form:
    if "sealed" in said:
        return Form.SEALED
    return Form.HASHED if said.get("hashed") else Form.CLEAR


@cache
def _pattern(id: str) -> re.Pattern[str]:
    # An id holds no separator of a key or a path; two stars do.
    wild = {"*": "[^#/ ]*", "**": ".*"}
    return re.compile("".join(wild.get(part, re.escape(part)) for part in re.split(r"(\*+)", id)))
