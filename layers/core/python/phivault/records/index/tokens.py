"""The tokens of a resource: what any search may find it by."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Set
from types import MappingProxyType
from typing import Any, Final

from phivault.errors import Unprocessable
from phivault.phi.data_class import DataClass
from phivault.records.index import codes, dates, strings
from phivault.records.index.key import IndexKey
from phivault.records.index.parameters import Field, Kind, fields
from phivault.records.index.pieces import values

MAX_TOKENS: Final = 512
"""Of one resource. Nobody is called by so many names; whoever writes one such row writes millions."""


_CATALOGUE: Final[Mapping[str, DataClass]] = MappingProxyType({})


def tokens(
    key: IndexKey,
    type: str,
    members: Mapping[str, bytes],
    uncounted: Set[str] = frozenset(),
    classes: Mapping[str, DataClass] = _CATALOGUE,
) -> frozenset[bytes]:
    """Of the members (JSON texts by element), which have these classes, or the catalogue's. Raises Unprocessable where
    they are more than ``MAX_TOKENS``, naming the parameter whose values made them too many. Those of ``uncounted``
    members stand already: counted, they would tell a writer who can't see them how many they are."""
    found: set[bytes] = set()
    counted = {name: value for name, value in members.items() if name not in uncounted}
    for field, parameter in fields(type).items():
        for name, term in terms(field, counted, classes):
            found.add(key.token(type, name, term))
            if len(found) > MAX_TOKENS:
                raise Unprocessable(f"{type} holds too many values to be searched by {parameter}")
    others = {name: value for name, value in members.items() if name in uncounted}
    return frozenset(found).union(
        key.token(type, name, term) for field in fields(type) for name, term in terms(field, others, classes)
    )


def terms(
    field: Field, members: Mapping[str, bytes], classes: Mapping[str, DataClass] = _CATALOGUE
) -> Iterator[tuple[str, str]]:
    """What the index knows the values of a field by, some perhaps more than once, each behind the name that the field
    has for the class of its element."""
    for path in field.paths:
        name = field.under(classes.get(path.partition(".")[0], field.classes[0]))
        yield from ((name, term) for value in values(members, (path,)) for term in _TERMS[field.kind](value))


def _codes(value: Any) -> Iterator[str]:
    return (code for _, code in codes.codes(value))


def _ids(value: Any) -> Iterator[str]:
    return (id for _, id in codes.targets(value))


_TERMS: Final[Mapping[Kind, Callable[[Any], Iterator[str]]]] = MappingProxyType(
    {
        "date": dates.terms,
        "email": codes.emails,
        "phone": codes.phones,
        "reference": _ids,
        "string": strings.terms,
        "token": _codes,
    }
)
