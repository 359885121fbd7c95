"""Which parts of the index are asked, and about whom: those for the classes of elements that the caller may search by.

An element that a resource raised to another class (a diagnosis of mental health, a name in a location) is indexed apart
(index/parameters.py). Who may not search by that class doesn't ask there, so what is kept from them is no candidate of
theirs: no page is shorter for it, no limit is met sooner, nothing takes longer. It is decided at every search, about
each patient: a grant or a consent holds at once, and nothing is indexed again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from phivault.phi.data_class import DataClass
from phivault.records.authorise import EVERY_CLASS, Ask, Authority
from phivault.records.events import Trail
from phivault.records.index.codes import Reference
from phivault.records.index.criterion import Criterion
from phivault.records.index.key import index_key
from phivault.records.index.parameters import parameters

type Groups = Sequence[Sequence[bytes]]

RELATED = "RelatedPerson"


@dataclass(frozen=True, slots=True)
class Scope:
    """Of ``patients``, or of everybody, what has of each of ``groups`` one token at least. Prints without these."""

    patients: tuple[str, ...] | None
    groups: Groups = field(repr=False)


@dataclass(frozen=True, slots=True)
class Scopes:
    """Of a search of one type by ``criteria``, what finds few first."""

    trail: Trail
    authority: Authority
    type: str
    criteria: Sequence[Criterion]

    def among(self, patients: Sequence[str]) -> list[Scope]:
        """About these patients (in order, each once): those about whom the caller may search by the same, together."""
        return self._scopes(self._searchable(patients))

    def of_all(self, related: Sequence[str]) -> list[Scope]:
        """About everybody, by what the caller may search strangers by; and about those of the patients ``related`` to
        them about whom they may search by more."""
        everybody = self._compared(self._of_strangers())
        groups = self._groups(everybody, None)
        beyond = {one: held for one, held in self._searchable(related).items() if not held <= everybody}
        return ([Scope(None, groups)] if all(groups) else []) + self._scopes(beyond)

    @property
    def tells_relations_apart(self) -> bool:
        """Whether there are patients about whom the caller might search by more than about strangers."""
        return not self._compared(EVERY_CLASS) <= self._of_strangers()

    def _of_strangers(self) -> frozenset[DataClass]:
        return self.authority.granted_of_strangers("search", self.type, EVERY_CLASS)

    def _searchable(self, patients: Sequence[str]) -> dict[str, frozenset[DataClass]]:
        answers = self.authority.granted_all([Ask("search", self.type, each, EVERY_CLASS) for each in patients])
        return {each: self._compared(granted) for each, granted in zip(patients, answers, strict=True)}

    def _compared(self, searchable: frozenset[DataClass]) -> frozenset[DataClass]:
        """Those that make a difference here. One criterion that takes no class (whose it is) gives none to others."""
        return searchable.intersection(kind for criterion in self.criteria for kind in criterion.classes(searchable))

    def _scopes(self, searchable: dict[str, frozenset[DataClass]]) -> list[Scope]:
        alike: dict[frozenset[DataClass], list[str]] = {}
        for patient, classes in searchable.items():
            alike.setdefault(classes, []).append(patient)
        scopes = [Scope(tuple(some), self._groups(classes, some)) for classes, some in alike.items()]
        return [scope for scope in scopes if all(scope.groups)]

    def _groups(self, classes: frozenset[DataClass], patients: Sequence[str] | None) -> Groups:
        """Whose a RelatedPerson is stands in the index alone: those of some patients are found by tokens too."""
        criteria = list(self.criteria)
        if self.type == RELATED and patients is not None:
            relatives = tuple(Reference(patient, "Patient") for patient in patients)
            criteria.insert(0, Criterion(parameters(RELATED)["patient"], relatives))
        if not criteria:
            return ()
        key = index_key(self.trail.records.keys, self.trail.tenant)
        return tuple(criterion.groups(key, classes) for criterion in criteria)
