"""The data class of each member of one resource: the catalogue's, raised by what the resource says. Never lowered.

- A resource about a patient whose codes or labels say mental health, substance use, reproductive health or HIV is
  sensitive as a whole, that it exists included: its date alone, or its author's specialty, would tell. Patients and
  RelatedPersons stay as they are: whoever they are is no secret of these subjects.
- An administrative element in whose text an identifier is found is identifying, and so is one with more text than is
  looked through (16 KiB). The directory's stay: its names and
  addresses are those of institutions and of people at work, which is what the directory is for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from phivault.phi.catalogue import classify
from phivault.phi.data_class import DataClass
from phivault.phi.detect import find
from phivault.phi.raw_json import Value, parse
from phivault.phi.sensitivity import is_panel, says_sensitive

DIRECTORY = frozenset({"Organization", "Location", "Practitioner", "PractitionerRole"})
_PERSONS = frozenset({"Patient", "RelatedPerson"})
_ORDER = tuple(DataClass)
MOST_TEXT = 16 << 10
"""Characters of one administrative element: these are names, codes and addresses."""
_ABOUT_OTHERS = {"Consent": frozenset({"provision", "sourceAttachment"})}
"""Members whose codes say which data a patient speaks of, not what is the matter with them."""
_FORMATTED = frozenset(
    {"authority", "code", "contentType", "dateTime", "end", "id", "implicitRules", "language", "lastUpdated", "mode"}
    | {"profile", "reference", "source", "start", "status", "system", "type", "unit", "uri", "url", "use", "versionId"}
)
"""Members whose strings have a form of their own: codes, times, URIs. Their digits are no text."""


@dataclass(frozen=True, slots=True)
class Marks:
    """``resource`` is the class of the fact that the resource is there; ``members`` those of its members."""

    resource: DataClass
    members: Mapping[str, DataClass]


def marks(type: str, members: Mapping[str, bytes]) -> Marks:
    """The classes of a resource and of each of these members (raw JSON texts), other than ``resourceType`` and
    ``id``."""
    values = {name: parse(text) for name, text in members.items()}
    if type not in DIRECTORY | _PERSONS and _is_sensitive(type, values):
        return Marks(DataClass.SENSITIVE, dict.fromkeys(members, DataClass.SENSITIVE))
    return Marks(DataClass.ADMINISTRATIVE, {name: _class(type, name, value) for name, value in values.items()})


def reachable(type: str, element: str) -> tuple[DataClass, ...]:
    """The classes that the element can have in a resource of this type: the catalogue's, then those it is raised to."""
    usual = classify(type, element)
    raised = []
    if usual is DataClass.ADMINISTRATIVE and type not in DIRECTORY:
        raised.append(DataClass.IDENTIFYING)
    if type not in DIRECTORY | _PERSONS and usual is not DataClass.SENSITIVE:
        raised.append(DataClass.SENSITIVE)
    return (usual, *raised)


def stricter(one: DataClass, other: DataClass) -> DataClass:
    """The more protective of two classes."""
    return max(one, other, key=_ORDER.index)


def _is_sensitive(type: str, values: Mapping[str, Value]) -> bool:
    about_others = _ABOUT_OTHERS.get(type, frozenset())
    telling = {name: value for name, value in values.items() if name not in about_others}
    return is_panel(telling.get("questionnaire")) or says_sensitive(telling)


def _class(type: str, name: str, value: Value) -> DataClass:
    kind = classify(type, name)
    if kind is not DataClass.ADMINISTRATIVE or type in DIRECTORY:
        return kind
    texts = list(_texts(value, name))
    return DataClass.IDENTIFYING if sum(map(len, texts)) > MOST_TEXT or any(map(find, texts)) else kind


def _texts(value: Value, name: str) -> Iterator[str]:
    """The strings in a value that people write."""
    waiting: list[tuple[Value, str]] = [(value, name)]
    while waiting:
        item, member = waiting.pop()
        if isinstance(item, dict):
            waiting += [(part, inner) for inner, part in item.items()]
        elif isinstance(item, list):
            waiting += [(part, member) for part in item]
        elif isinstance(item, str) and member not in _FORMATTED:
            yield item
