"""A question to Cedar: frozen values that are all it is told, so that equal questions have equal answers.

Ids go into requests and entities as JSON values, never into policy text.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
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

    def entity(self, patients: Collection[PatientFacts] = ()) -> Json:
        """The user, as far as it matters for these patients."""
        teams = [_uid("CareTeam", patient.id) for patient in patients if patient.in_care_team]
        attributes = {"tenant": _ref("Tenant", self.tenant)}
        if self.patient_id:
            attributes["self"] = _ref("Patient", self.patient_id)
        return _entity(self.uid(), attributes, [_uid("Role", self.role), *teams])

    def uid(self) -> Json:
        return _uid("User", self.user_id)


@dataclass(frozen=True, slots=True)
class DataQuestion:
    """May they do ``action`` to elements of each of ``classes``? The resource's id is the class, behind ``place``
    where several resources are asked about at once. ``project`` says that they are approved for the research project
    that they ask for, ``policies`` which version of the tenant's own policies holds. A patient whose id is "" is one
    of whom the rest is known: anybody but the asker."""

    asker: Asker
    purpose: str
    action: str
    resource_type: str
    patient: PatientFacts | None
    classes: tuple[str, ...]
    project: bool = False
    policies: int = 0

    @property
    def names(self) -> tuple[str, ...]:
        """What each request is about."""
        return self.classes

    def about(self, classes: tuple[str, ...]) -> DataQuestion:
        """The same question about other classes."""
        return replace(self, classes=classes)

    def of(self, patient: PatientFacts | None) -> DataQuestion:
        """The same question of another patient."""
        return replace(self, patient=patient)

    def requests(self, place: str = "") -> list[Json]:
        context = {"mfa": self.asker.mfa, "purpose": _ref("Purpose", self.purpose), "project": self.project}
        asked = (_uid(self._kind(), place + name) for name in self.classes)
        return [_request(self.asker, self.action, resource, context) for resource in asked]

    def entities(self) -> list[Json]:
        patients = [self.patient] if self.patient else []
        data = (self.data(name) for name in self.classes)
        return [self.asker.entity(patients), *map(patient_entity, patients), *data]

    def data(self, name: str, place: str = "") -> Json:
        """The elements of this class."""
        attributes: Json = {"type": self.resource_type, "class": _ref("DataClass", name)}
        if self.patient is None:
            attributes["tenant"] = _ref("Tenant", self.asker.tenant)
        else:
            attributes["tenant"] = _ref("Tenant", self.patient.tenant)
            attributes["patient"] = _ref("Patient", self.patient.id)
        return _entity(_uid(self._kind(), place + name), attributes, [_uid("DataClass", name)])

    def _kind(self) -> str:
        return "PatientData" if self.patient else "TenantData"


@dataclass(frozen=True, slots=True)
class ApplicationQuestion:
    """May they do ``action`` in their own tenant? ``recent``: they signed in no more than five minutes ago."""

    asker: Asker
    action: str
    recent: bool
    policies: int = 0  # tenants' own policies are about data: the application's actions are ours

    @property
    def names(self) -> tuple[str, ...]:
        return (self.asker.tenant,)

    def requests(self) -> list[Json]:
        tenant = _uid("Tenant", self.asker.tenant)
        context = {"mfa": self.asker.mfa, "recent": self.recent}
        return [_request(self.asker, self.action, tenant, context)]

    def entities(self) -> list[Json]:
        return [self.asker.entity()]


def patient_entity(facts: PatientFacts) -> Json:
    attributes = {
        "tenant": _ref("Tenant", facts.tenant),
        "careTeam": _ref("CareTeam", facts.id),
        "isNew": facts.is_new,
        "standing": {
            "sensitive": facts.team_sees_sensitive,
            "delegated": _classes(facts.delegated),
            "granted": _classes(facts.granted),
            "emergency": facts.emergency,
        },
        "consent": {
            "permits": _classes(facts.consent.permits),
            "denies": _classes(facts.consent.denies),
            "sensitive": facts.consent.sensitive,
        },
        "restricted": facts.restricted,
    }
    return _entity(_uid("Patient", facts.id), attributes)


def _classes(names: frozenset[str]) -> list[Json]:
    return [_ref("DataClass", name) for name in sorted(names)]


def _request(asker: Asker, action: str, resource: Json, context: Json) -> Json:
    return {"principal": asker.uid(), "action": _uid("Action", action), "resource": resource, "context": context}


def _uid(kind: str, id: str) -> Json:
    return {"type": kind, "id": id}


def _ref(kind: str, id: str) -> Json:
    return {"__entity": _uid(kind, id)}


def _entity(uid: Json, attributes: Json, parents: list[Json] | None = None) -> Json:
    return {"uid": uid, "attrs": attributes, "parents": parents or []}
