"""Whose a resource is, and what of it the caller may see or write."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from phivault.access.facts import PatientFacts
from phivault.errors import AccessDenied
from phivault.phi.catalogue import classify, elements
from phivault.phi.data_class import DataClass
from phivault.records.events import Trail
from phivault.records.subject import patient_of, subject_of

type Verb = Literal["create", "read", "update", "delete", "search"]
EVERY_CLASS = frozenset(DataClass)


@dataclass(frozen=True, slots=True)
class Owner:
    """``subject`` owns the key that seals a resource; ``patient`` is the bare id of the patient that it is about,
    "" where it is about nobody (an Organization). They differ for a RelatedPerson: a person with a key of their
    own, reached through the patient."""

    subject: str
    patient: str


def owner_of(type: str, id: str, members: Mapping[str, bytes]) -> Owner:
    """The owner that the members name. Raises Unprocessable where they name none and must."""
    return Owner(subject_of(type, id, members), patient_of(type, id, members) or "")


class Authority:
    """The decisions of one call. Facts are loaded once per patient; nothing outlives the call.

    ``new`` are patients whom this call creates: no facts stand about them yet.
    """

    def __init__(self, trail: Trail, new: Iterable[str] = ()) -> None:
        self._trail = trail
        self._facts = {patient: PatientFacts(patient, trail.tenant, is_new=True) for patient in new}

    def load(self, patients: Collection[str]) -> None:
        """Load the facts about these patients in one call; "" is skipped."""
        missing = {patient for patient in patients if patient} - self._facts.keys()
        if missing:
            self._facts |= self._trail.records.facts.load(self._trail.call.principal, sorted(missing))

    def granted(self, verb: Verb, type: str, patient: str, classes: Collection[DataClass]) -> frozenset[DataClass]:
        """Those of ``classes`` that the caller may act on."""
        self.load([patient])
        if patient and patient not in self._facts:
            return frozenset()
        call = self._trail.call
        facts = self._facts[patient] if patient else None
        return self._trail.records.decider.granted(call.principal, call.purpose, verb, type, facts, classes)

    def require_elements(self, verb: Verb, type: str, patient: str, names: Collection[str]) -> None:
        """Raise AccessDenied unless the caller may act on every one of these elements, and on the resource at all."""
        kinds = {name: classify(type, name) for name in names}
        granted = self.granted(verb, type, patient, {DataClass.ADMINISTRATIVE, *kinds.values()})
        withheld = [name for name, kind in kinds.items() if kind not in granted]
        if withheld or not granted:
            raise AccessDenied(f"{type}: the caller may not {verb} {_named(type, withheld)}")

    def is_new(self, patient: str) -> bool:
        """Whether this call creates the patient."""
        return patient in self._facts and self._facts[patient].is_new


def _named(type: str, names: Collection[str]) -> str:
    """Only names that FHIR gives are repeated: any other is the caller's own text."""
    known = elements(type).intersection(names)
    return ", ".join(sorted(known)) or "it"
