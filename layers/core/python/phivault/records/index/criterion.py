"""One condition of a search: what the index is asked for, and how what it gave is compared once it is open."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Protocol

from phivault.errors import InvalidInput, UnsupportedParameter
from phivault.phi.data_class import DataClass
from phivault.records.index import codes, dates, strings
from phivault.records.index.key import IndexKey
from phivault.records.index.parameters import OPAQUE, Kind, Parameter, names, parameters
from phivault.records.index.pieces import values as values_at

EVERY_CLASS: Final = frozenset(DataClass)
MAX_VALUES: Final = 20
MAX_LENGTH: Final = 1024


class _Question(Protocol):
    """One value that is asked for."""

    @property
    def terms(self) -> tuple[str, ...]:
        """What the index knows everything by that may fit: any of them."""

    def fits(self, value: Any) -> bool:
        """Whether a value of the resource is what was asked for."""


_ASK: Final[Mapping[Kind, Callable[[Parameter, str], _Question]]] = MappingProxyType(
    {
        "date": dates.ask,
        "email": codes.ask_email,
        "phone": codes.ask_phone,
        "reference": codes.ask_reference,
        "string": strings.ask,
        "token": codes.ask_token,
    }
)


@dataclass(frozen=True, slots=True)
class Criterion:
    """One occurrence of a parameter: one of several values has to fit. Prints without them."""

    parameter: Parameter
    questions: tuple[_Question, ...] = field(repr=False)

    @property
    def terms(self) -> tuple[str, ...]:
        """What the index is asked for, by any of its fields."""
        return tuple(dict.fromkeys(term for question in self.questions for term in question.terms))

    def groups(self, key: IndexKey, searchable: Collection[DataClass] = EVERY_CLASS) -> tuple[bytes, ...]:
        """The tokens of which what fits, by elements of these classes, has one at least; so may have what doesn't.
        Empty where it reads no element of such a class."""
        names = [field.under(each) for field in self.parameter.fields for each in self.classes(searchable)]
        return tuple(key.token(self.parameter.type, name, term) for name in names for term in self.terms)

    def classes(self, searchable: Collection[DataClass] = EVERY_CLASS) -> tuple[DataClass, ...]:
        """Those of the elements by which it finds something for who may search by ``searchable``. Whose a resource is
        takes no class where nothing raised it: an opaque id tells nothing."""
        usual, *raised = self.parameter.classes
        own = [usual] if usual in searchable or self.parameter.name in OPAQUE else []
        return (*own, *(each for each in raised if each in searchable))

    def matches(self, members: Mapping[str, bytes]) -> bool:
        """Whether the resource fits, by its members (JSON texts by element): those of ``parameter.elements`` that the
        resource has and the caller may search by."""
        found = list(values_at(members, self.parameter.paths))
        return any(question.fits(value) for question in self.questions for value in found)


def criterion(type: str, name: str, values: Sequence[str]) -> Criterion:
    """``values`` are what commas separate in one occurrence, their escapes (FHIR R4 3.1.1.4.3) still in them.

    Raises UnsupportedParameter for a name, modifier, chain or prefix that isn't supported, InvalidInput for a value
    that can't be one. Both name the parameter, where it is one of FHIR's, and never the value.
    """
    parameter = _known(type, name)
    if not 1 <= len(values) <= MAX_VALUES or any(len(value) > MAX_LENGTH for value in values):
        raise InvalidInput(f"{name} has 1 to {MAX_VALUES} values of at most {MAX_LENGTH} characters")
    ask = _ASK[parameter.kind]
    return Criterion(parameter, tuple(ask(parameter, value) for value in values))


def _known(type: str, name: str) -> Parameter:
    found = parameters(type).get(name)
    if found is not None:
        return found
    plain = name.partition(":")[0].partition(".")[0]
    if plain not in names():
        raise UnsupportedParameter(f"A parameter is not supported for {type}")
    if plain == name or plain not in parameters(type):
        raise UnsupportedParameter(f"{plain} is not supported for {type}")
    what = "modifiers" if ":" in name else "chained parameters"
    raise UnsupportedParameter(f"{plain}: {what} are not supported")
