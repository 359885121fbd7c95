"""A question to Cedar: frozen values that are all it is told, so that equal questions have equal answers.

Ids go into requests and entities as JSON values, never into policy text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from phivault.access.facts import PatientFacts

type Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asker:
    """The facts about the principal that policies use. ``patient_id`` is "" where the user is no patient."""

    user_id: str
    tenant: str
    role: str
    patient_id: str
    mfa: bool

    def entity(self, patient: PatientFacts | None) -> Json:
        teams = [_uid("CareTeam", patient.id)] if patient and patient.in_care_team else []
        attributes = {"tenant": _ref("Tenant", self.tenant)}
        if self.patient_id:
            attributes["self"] = _ref("Patient", self.patient_id)
        return _entity(self.uid(), attributes, [_uid("Role", self.role), *teams])

    def uid(self) -> Json:
        return _uid("User", self.user_id)


@dataclass(frozen=True, slots=True)
class DataQuestion:
    """May they do ``action`` to elements of each of ``classes``? The resource's id is the class."""

    asker: Asker
    purpose: str
    action: str
    resource_type: str
    patient: PatientFacts | None
    classes: tuple[str, ...]

    def requests(self) -> list[Json]:
        context = {"mfa": self.asker.mfa, "purpose": _ref("Purpose", self.purpose)}
        return [_request(self.asker, self.action, _uid(self._kind(), name), context) for name in self.classes]

    def entities(self) -> list[Json]:
        return [self.asker.entity(self.patient), *self._patients(), *(self._data(name) for name in self.classes)]

    def _kind(self) -> str:
        return "PatientData" if self.patient else "TenantData"

    def _patients(self) -> list[Json]:
        if self.patient is None:
            return []
        attributes = {
            "tenant": _ref("Tenant", self.patient.tenant),
            "careTeam": _ref("CareTeam", self.patient.id),
            "isNew": self.patient.is_new,
        }
        return [_entity(_uid("Patient", self.patient.id), attributes)]

    def _data(self, name: str) -> Json:
        attributes: Json = {"type": self.resource_type}
        if self.patient is None:
            attributes["tenant"] = _ref("Tenant", self.asker.tenant)
        else:
            attributes["tenant"] = _ref("Tenant", self.patient.tenant)
            attributes["patient"] = _ref("Patient", self.patient.id)
        return _entity(_uid(self._kind(), name), attributes, [_uid("DataClass", name)])


@dataclass(frozen=True, slots=True)
class ApplicationQuestion:
    """May they do ``action`` in their own tenant? ``recent``: they signed in no more than five minutes ago."""

    asker: Asker
    action: str
    recent: bool

    def requests(self) -> list[Json]:
        tenant = _uid("Tenant", self.asker.tenant)
        context = {"mfa": self.asker.mfa, "recent": self.recent}
        return [_request(self.asker, self.action, tenant, context)]

    def entities(self) -> list[Json]:
        return [self.asker.entity(None)]


def _request(asker: Asker, action: str, resource: Json, context: Json) -> Json:
    return {"principal": asker.uid(), "action": _uid("Action", action), "resource": resource, "context": context}


def _uid(kind: str, id: str) -> Json:
    return {"type": kind, "id": id}


def _ref(kind: str, id: str) -> Json:
    return {"__entity": _uid(kind, id)}


def _entity(uid: Json, attributes: Json, parents: list[Json] | None = None) -> Json:
    return {"uid": uid, "attrs": attributes, "parents": parents or []}
