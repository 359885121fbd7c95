"""Many questions of one asker for one call of Cedar, which shares what they have in common.

Cedar is told the same about each as if it were asked alone, but that the asker's other care teams and the other
patients are there too, and that patients have made-up ids. A policy notices that only by reaching for one of them: see
``reaches_for_others``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from cedarpy import policies_to_json_str

from phivault.access.facts import PatientFacts
from phivault.access.question import ApplicationQuestion, DataQuestion, Json, patient_entity

Question = DataQuestion | ApplicationQuestion

_SHARED = frozenset({"CareTeam", "Patient", "PatientData", "TenantData"})


class Batch[Q: Question]:
    """The requests of ``questions`` in their order, each question's together, and the entities of all."""

    def __init__(self, questions: Sequence[Q]) -> None:
        self.questions = questions
        self.requests: list[Json] = []
        self._patients: dict[PatientFacts, PatientFacts] = {}
        self._data: dict[tuple[str, str], Json] = {}
        places: dict[tuple[PatientFacts | None, str], str] = {}
        for question in questions:
            if isinstance(question, DataQuestion):
                about = question.patient, question.resource_type
                # One resource of each patient and type. A question that is alone has the plain class for an id.
                place = places.setdefault(about, f"{len(places)}/" if places else "")
                told = question.of(self._named(question))
                self._data |= {(place, name): told.data(name, place) for name in told.classes}
                self.requests += told.requests(place)
            else:
                self.requests += question.requests()

    def entities(self) -> list[Json]:
        patients = list(self._patients.values())
        asker = self.questions[0].asker
        return [asker.entity(patients), *map(patient_entity, patients), *self._data.values()]

    def _named(self, question: DataQuestion) -> PatientFacts | None:
        """The patient with an id that is theirs alone in this batch, and isn't the asker's own."""
        patient = question.patient
        if patient is None:
            return None
        made_up = f"{question.asker.patient_id}#{len(self._patients)}"
        return self._patients.setdefault(patient, patient if patient.id else patient.called(made_up))

    def split[T](self, results: Sequence[T]) -> Iterator[tuple[Q, Sequence[T]]]:
        """Each question with its own results."""
        at = 0
        for question in self.questions:
            yield question, results[at : at + len(question.names)]
            at += len(question.names)


def batches[Q: Question](questions: Iterable[Q], *, apart: bool) -> list[Batch[Q]]:
    """As few batches as can be; one each where they must be asked ``apart``. Two that differ in what they know about
    one patient never meet in one."""
    if apart:
        return [Batch([question]) for question in questions]
    groups: list[tuple[dict[str, PatientFacts], list[Q]]] = []
    for question in questions:
        patient = question.patient if isinstance(question, DataQuestion) else None
        for known, group in groups:
            if patient is None or not patient.id or known.setdefault(patient.id, patient) == patient:
                group.append(question)
                break
        else:
            groups.append(({patient.id: patient} if patient and patient.id else {}, [question]))
    return [Batch(group) for _, group in groups]


def reaches_for_others(text: str) -> bool:
    """Whether policies name a patient, a care team or a resource, or look into the asker's own record while another's
    is asked about. Raises ValueError where Cedar can't parse them."""
    left: list[Any] = [json.loads(policies_to_json_str(text))]
    while left:
        node = left.pop()
        if isinstance(node, dict):
            if ("id" in node and node.get("type") in _SHARED) or _looks_into_self(node):
                return True
            left.extend(node.values())
        elif isinstance(node, list):
            left.extend(node)
    return False


def _looks_into_self(node: Json) -> bool:
    inner = node.get("left")
    return "attr" in node and isinstance(inner, dict) and inner.get(".", {}).get("attr") == "self"
