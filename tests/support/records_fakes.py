"""A world of records: the verbs with real sealing, policies, validation and recorder over stores in memory.

``steps`` tells in which order what a promise depends on happened: "record", "unwrap", "commit", "join".
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from phivault.access.decide import Decider
from phivault.access.principal import Personal, Principal
from phivault.access.purpose import Purpose
from phivault.access.roles import Role
from phivault.audit.canonical import EventLine, parse
from phivault.audit.event import Action, AuditEvent
from phivault.audit.recorder import Recorder
from phivault.crypto.subject_keys import SubjectKeys
from phivault.records.call import Call
from phivault.records.create import create
from phivault.records.events import Target, Trail
from phivault.records.pseudonyms import of_call
from phivault.records.released import Released
from phivault.records.service import Records
from phivault.records.stored_consents import StoredConsents
from tests.support.audit import MemoryEvents, MemoryIndex
from tests.support.facts import MemoryFacts
from tests.support.memory_anchors import MemoryAnchors
from tests.support.memory_resources import MemoryResources
from tests.support.people import OPERATIONS, PATIENT_REQUEST, RESEARCH, TREATMENT
from tests.support.subject_keys import MemoryStore, MemoryWrapper

BASE_URL = "https://api.example/v1/fhir"
REQUEST_ID = "0199b3c2-0000-7000-8000-00000000abcd"
PROJECT = "study-7"
"""The research project of the tenants' researchers."""
PURPOSES = {
    Role.RESEARCHER: RESEARCH,
    Role.PATIENT: PATIENT_REQUEST,
    Role.PRIVACY_OFFICER: OPERATIONS,
    Role.TENANT_ADMIN: OPERATIONS,
    Role.AUDITOR: OPERATIONS,
}


class _Events(MemoryEvents):
    def __init__(self, steps: list[str]) -> None:
        super().__init__()
        self._steps = steps

    def put(self, key: str, body: bytes, *, deadline: float) -> None:
        super().put(key, body, deadline=deadline)
        self._steps.append("record")


class _Wrapper(MemoryWrapper):
    def __init__(self, steps: list[str]) -> None:
        super().__init__()
        self._steps = steps

    def unwrap(self, tenant: str, subject: str, wrapped: bytes) -> bytes:
        self._steps.append("unwrap")
        return super().unwrap(tenant, subject, wrapped)


class _Facts(MemoryFacts):
    def __init__(self, steps: list[str]) -> None:
        super().__init__()
        self._steps = steps
        self.asked: list[set[str]] = []

    def load(self, principal: Principal, purpose: Purpose, patients: Collection[str]) -> dict[str, Any]:
        self.asked.append(set(patients))
        return super().load(principal, purpose, patients)

    def join_care_team(self, tenant: str, patient: str, user_id: str, role: Role) -> None:
        super().join_care_team(tenant, patient, user_id, role)
        self._steps.append("join")


@dataclass(slots=True)
class World:
    """Records of the tenants "north" and "south"."""

    steps: list[str] = field(default_factory=list)
    store: MemoryResources = field(init=False)
    locked: _Events = field(init=False)
    facts: _Facts = field(init=False)
    anchors: MemoryAnchors = field(default_factory=MemoryAnchors)
    key_store: MemoryStore = field(default_factory=MemoryStore)
    wrapper: _Wrapper = field(init=False)
    records: Records = field(init=False)
    time: datetime = datetime(2026, 3, 4, 5, 6, 7, 89_000, tzinfo=UTC)

    def __post_init__(self) -> None:
        self.store, self.facts = MemoryResources(self.steps), _Facts(self.steps)
        self.locked, self.wrapper = _Events(self.steps), _Wrapper(self.steps)
        keys = self._keys()
        self.records = Records(
            store=self.store,
            anchors=self.anchors,
            keys=keys,
            recorder=Recorder(self.locked, MemoryIndex(), deadline_seconds=1),
            facts=self.facts,
            consents=self._consents(keys),
            decider=Decider(),
            now=lambda: self.time,
            new_id=lambda: str(uuid.uuid4()),
        )
        self.facts.approvals = {(tenant, "researcher-1"): frozenset({PROJECT}) for tenant in ("north", "south")}

    def call(
        self, role: Role = Role.CLINICIAN, purpose: Purpose | None = None, *, project: str | None = None, **changes: Any
    ) -> Call:
        personal = Personal("User/u-1", "session-1", b"sealed-elsewhere")
        someone = Principal(f"{role}-1", "north", role, "session-1", 0, "192.0.2.1", personal, mfa=True)
        named = (PROJECT if role is Role.RESEARCHER else "") if project is None else project
        return Call(replace(someone, **changes), purpose or PURPOSES.get(role, TREATMENT), REQUEST_ID, named)

    def pseudonym(self, type: str, id: str, call: Call | None = None) -> str:
        """What a researcher knows the resource by."""
        trail = Trail(self.records, call or self.call(Role.RESEARCHER), Action.READ, Target(type))
        names = of_call(trail)
        assert names is not None
        return names.of(type, id)

    def make(self, type: str, resource: dict[str, Any], call: Call | None = None) -> Released:
        return create(self.records, call or self.call(), type, json.dumps(resource).encode())

    def cold(self) -> None:
        """Forget every unwrapped key, as a new process would."""
        keys = self._keys()
        self.records = replace(self.records, keys=keys, consents=self._consents(keys))
        self.wrapper.calls.clear()
        self.steps.clear()

    def destroy_key(self, subject: str, tenant: str = "north") -> None:
        self.key_store.destroy(tenant, subject, 1)
        self.cold()

    def forget(self) -> None:
        """Start a new account of what happens."""
        self.locked.objects.clear()
        self.steps.clear()
        self.store.calls.clear()
        self.wrapper.calls.clear()

    @property
    def events(self) -> list[AuditEvent]:
        lines = [parse(line) for chain in self.locked.chains().values() for line in chain]
        return [line.event for line in lines if isinstance(line, EventLine)]

    def recorded(self, action: Action | None = None) -> AuditEvent:
        """The only event (of this action)."""
        (event,) = [event for event in self.events if action in (None, event.action)]
        return event

    def _consents(self, keys: SubjectKeys) -> StoredConsents:
        return StoredConsents(self.store, self.anchors, keys, lambda: self.time)

    def _keys(self) -> SubjectKeys:
        return SubjectKeys(self.key_store, self.wrapper)


def a_patient(**changes: Any) -> dict[str, Any]:
    """A generated patient; the values that identify are ones that appear nowhere else."""
    return {
        "resourceType": "Patient",
        "active": True,
        "name": [{"family": "Zyxwvuts", "given": ["Qwerty"]}],
        "gender": "female",
        "birthDate": "1979-04-06",
        "telecom": [{"system": "phone", "value": "+12025550143"}],
        "address": [{"line": ["17 Plover Row"], "city": "Springfield", "state": "MA", "postalCode": "01101"}],
    } | changes


def an_observation(patient: str, **changes: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "2339-0"}], "text": "Glucose"},
        "subject": {"reference": f"Patient/{patient}"},
        "effectiveDateTime": "2026-02-03T04:05:06Z",
        "valueQuantity": {"value": 6.25, "unit": "mmol/L", "system": "http://unitsofmeasure.org", "code": "mmol/L"},
        "note": [{"text": "Haemolysed-sample-remark"}],
    } | changes


PLANTED = ("Zyxwvuts", "Qwerty", "1979-04-06", "+12025550143", "17 Plover Row", "Haemolysed-sample-remark", "6.25")


def flipped(envelope: bytes) -> bytes:
    """The envelope with a bit changed in the middle, where the original elements lie."""
    middle = len(envelope) // 2
    return envelope[:middle] + bytes([envelope[middle] ^ 1]) + envelope[middle + 1 :]
