"""Whose a resource is, and what of it the caller may see or write."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from phivault.access.decide import Asked
from phivault.access.facts import PatientFacts
from phivault.access.purpose import PurposeOfUse
from phivault.errors import AccessDenied
from phivault.phi.catalogue import elements
from phivault.phi.data_class import DataClass
from phivault.records.events import Trail
from phivault.records.subject import patient_of, subject_of
from phivault.records.types import is_about_patients

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


@dataclass(frozen=True, slots=True)
class Ask:
    """May the caller act on elements of ``classes`` in a resource of this type about this patient, "" for nobody?"""

    verb: Verb
    type: str
    patient: str
    classes: Collection[DataClass]


class Authority:
    """The decisions of one call. Facts are loaded once per patient; nothing outlives the call.

    ``new`` are patients whom this call creates: no facts stand about them yet.
    """

    def __init__(self, trail: Trail, new: Iterable[str] = ()) -> None:
        self._trail = trail
        self._facts = {patient: PatientFacts(patient, trail.tenant, is_new=True) for patient in new}
        self._project: bool | None = None

    def creates(self, patients: Iterable[str]) -> None:
        """Learn of further patients whom this call creates."""
        self._facts |= {patient: PatientFacts(patient, self._trail.tenant, is_new=True) for patient in patients}

    def load(self, patients: Collection[str]) -> None:
        """Load the facts about these patients in one call; "" is skipped."""
        missing = {patient for patient in patients if patient} - self._facts.keys()
        if missing:
            self._facts |= self._loaded(sorted(missing))

    def granted(self, verb: Verb, type: str, patient: str, classes: Collection[DataClass]) -> frozenset[DataClass]:
        """Those of ``classes`` that the caller may act on."""
        [granted] = self.granted_all([Ask(verb, type, patient, classes)])
        return granted

    def granted_all(self, asked: Sequence[Ask]) -> list[frozenset[DataClass]]:
        """The same for each of many, about whose patients the facts are loaded together, and which are decided
        together."""
        self.load({one.patient for one in asked})
        known = [one for one in asked if not one.patient or one.patient in self._facts]
        answers = self._decided([(one, self._facts[one.patient] if one.patient else None) for one in known])
        granted = dict(zip(map(id, known), answers, strict=True))
        return [granted.get(id(one), frozenset()) for one in asked]

    def shown(self, type: str, patients: Sequence[str], parameters: Collection[DataClass]) -> list[str]:
        """Those of ``patients`` of whom the caller may find, by parameters of these classes, and read something in
        resources of this type."""
        asked = [ask for patient in patients for ask in _to_show(type, patient, parameters)]
        answers = self.granted_all(asked)
        return [
            patient
            for patient, found, read in zip(patients, answers[::2], answers[1::2], strict=True)
            if found and read
        ]

    def shows_strangers(self, type: str, parameters: Collection[DataClass]) -> bool:
        """Whether that holds of a patient to whom the caller stands in no relation."""
        stranger = PatientFacts("", self._trail.tenant)
        found, read = self._decided([(ask, stranger) for ask in _to_show(type, "", parameters)])
        return bool(found and read)

    def granted_of_strangers(self, verb: Verb, type: str, classes: Collection[DataClass]) -> frozenset[DataClass]:
        """Those of ``classes`` that the caller may act on where they stand in no relation to the patient, or where the
        type is about nobody."""
        about = PatientFacts("", self._trail.tenant) if is_about_patients(type) else None
        [granted] = self._decided([(Ask(verb, type, "", classes), about)])
        return granted

    def require_any(self, verb: Verb, type: str, patient: str, names: Collection[str]) -> None:
        """Raise AccessDenied, naming these elements, where the caller may act on none, whatever their classes."""
        if not self.granted(verb, type, patient, EVERY_CLASS):
            raise AccessDenied(f"{type}: the caller may not {verb} {_named(type, names)}")

    def require_elements(self, verb: Verb, type: str, patient: str, kinds: Mapping[str, DataClass]) -> None:
        """Raise AccessDenied unless the caller may act on every one of these elements, given with the class that each
        has in this resource, and on the resource at all."""
        granted = self.granted(verb, type, patient, {DataClass.ADMINISTRATIVE, *kinds.values()})
        withheld = [name for name, kind in kinds.items() if kind not in granted]
        if withheld or not granted:
            raise AccessDenied(f"{type}: the caller may not {verb} {_named(type, withheld)}")

    def _decided(self, asked: Sequence[tuple[Ask, PatientFacts | None]]) -> list[frozenset[DataClass]]:
        call = self._trail.call
        questions = [Asked(one.verb, one.type, facts, one.classes) for one, facts in asked]
        return self._trail.records.decider.granted_all(
            call.principal, call.purpose, questions, project=self._project_approved()
        )

    def _loaded(self, patients: list[str]) -> dict[str, PatientFacts]:
        records, call = self._trail.records, self._trail.call
        facts = records.facts.load(call.principal, call.purpose, patients)
        consents = records.consents.load(call.principal, call.purpose, patients)
        self._trail.consulted |= consents.keys()
        return {patient: replace(each, consent=consents.get(patient, each.consent)) for patient, each in facts.items()}

    def _project_approved(self) -> bool:
        call = self._trail.call
        if not call.project or call.purpose.of_use is not PurposeOfUse.RESEARCH:
            return False
        if self._project is None:
            self._project = self._trail.records.facts.approved(call.principal, call.project)
            self._trail.project = call.project if self._project else ""
        return self._project

    def is_new(self, patient: str) -> bool:
        """Whether this call creates the patient."""
        return patient in self._facts and self._facts[patient].is_new


def _to_show(type: str, patient: str, parameters: Collection[DataClass]) -> tuple[Ask, Ask]:
    return Ask("search", type, patient, parameters), Ask("read", type, patient, EVERY_CLASS)


def _named(type: str, names: Collection[str]) -> str:
    """Only names that FHIR gives are repeated: any other is the caller's own text."""
    known = elements(type).intersection(names)
    return ", ".join(sorted(known)) or "it"
