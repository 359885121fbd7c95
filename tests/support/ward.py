"""A hospital for the verbs on care teams, restrictions and broken glass: people and patients in memory; facts,
policies, sealing and recorder as in the product, over a table of DynamoDB on this machine."""

from __future__ import annotations

import dataclasses
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from phivault.access.decide import Decider
from phivault.access.principal import Personal, Principal
from phivault.access.purpose import Purpose, PurposeOfUse
from phivault.access.roles import Role
from phivault.adapters.dynamodb_break_glass import DynamoGlasses
from phivault.adapters.dynamodb_care_teams import DynamoCareTeams
from phivault.adapters.dynamodb_facts import DynamoFacts
from phivault.adapters.dynamodb_restrictions import DynamoRestrictions
from phivault.audit.canonical import EventLine, parse
from phivault.audit.event import Action, AuditEvent
from phivault.audit.recorder import Recorder
from phivault.crypto.subject_keys import SubjectKeys
from phivault.permissions.break_glass.glass import Glass, Reason
from phivault.permissions.break_glass.open_glass import OpenGlass, open_glass
from phivault.permissions.call import Call
from phivault.permissions.people import Member
from phivault.permissions.service import Permissions
from phivault.phi.data_class import DataClass
from tests.support.audit import MemoryEvents, MemoryIndex
from tests.support.subject_keys import MemoryStore, MemoryWrapper

REQUEST_ID = "0199b3c2-0000-7000-8000-00000000abcd"
NORTH, SOUTH = "north", "south"
HOUR = 3600
STALE = 400  # seconds since the sign-in


class _Users:
    def __init__(self) -> None:
        self.known: dict[tuple[str, str], Member] = {}

    def active(self, tenant: str, user_id: str) -> Member | None:
        return self.known.get((tenant, user_id))


class _Patients:
    def __init__(self) -> None:
        self.known: set[tuple[str, str]] = set()

    def exists(self, tenant: str, patient: str) -> bool:
        return (tenant, patient) in self.known


@dataclass
class Ward:
    """``time`` is the clock of everything here but sign-ins, which are recent by the machine's own."""

    table: str
    time: float = field(default_factory=time.time)
    locked: MemoryEvents = field(default_factory=MemoryEvents)
    users: _Users = field(default_factory=_Users)
    patients: _Patients = field(default_factory=_Patients)
    key_store: MemoryStore = field(default_factory=MemoryStore)
    permissions: Permissions = field(init=False)

    def __post_init__(self) -> None:
        ours: dict[str, Any] = {
            "recorder": Recorder(self.locked, MemoryIndex(), deadline_seconds=1),
            "decider": Decider(),
            "facts": DynamoFacts(self.table, now=lambda: self.time),
            "users": self.users,
            "patients": self.patients,
            "keys": SubjectKeys(self.key_store, MemoryWrapper(), cache_seconds=0),
            "care_teams": DynamoCareTeams(self.table),
            "restrictions": DynamoRestrictions(self.table),
            "glasses": DynamoGlasses(self.table),
            "now": lambda: self.time,
            "new_id": lambda: str(uuid.uuid4()),
        }
        # Ports that nothing here asks.
        others = dict.fromkeys(each.name for each in dataclasses.fields(Permissions))
        self.permissions = Permissions(**others | ours)

    def user(self, role: Role, tenant: str = NORTH, **changes: Any) -> Principal:
        """A new active user, signed in a moment ago."""
        id = str(uuid.uuid4())
        self.users.known[tenant, id] = Member(id, role, changes.get("patient_id"))
        personal = Personal(f"User/{id}", "session-1", b"sealed-elsewhere")
        return Principal(id, tenant, role, "session-1", int(time.time()), "192.0.2.1", personal, mfa=True, **changes)

    def patient(self, tenant: str = NORTH) -> str:
        id = str(uuid.uuid4())
        self.patients.known.add((tenant, id))
        return id

    def team(self, patient: str, *members: Principal) -> None:
        """As who created the patient joins: with the sensitive class."""
        for member in members:
            self.permissions.facts.join_care_team(member.tenant, patient, member.user_id, member.role)

    def call(self, who: Principal) -> Call:
        return Call(self.permissions, who, REQUEST_ID)

    def stale(self, who: Principal) -> Call:
        """Of somebody who signed in longer ago than five minutes."""
        return self.call(dataclasses.replace(who, auth_time=int(time.time()) - STALE))

    def break_glass(self, who: Principal, patient: str, note: str | None = None) -> Glass:
        return open_glass(self.call(who), OpenGlass(patient=patient, reason=Reason.TRANSFER, note=note))

    def sees(self, who: Principal, patient: str, of_use: PurposeOfUse, verb: str = "read") -> set[DataClass]:
        """The classes of an Observation of the patient that the records would grant now."""
        purpose = Purpose(of_use, asserted=True)
        facts = self.permissions.facts.load(who, purpose, [patient])[patient]
        granted = self.permissions.decider.granted(who, purpose, verb, "Observation", facts, DataClass)
        return set(granted)

    def events(self, action: Action | None = None) -> list[AuditEvent]:
        """In the order in which they were recorded."""
        lines = [parse(line) for chain in self.locked.chains().values() for line in chain]
        found = [line.event for line in lines if isinstance(line, EventLine)]
        return [event for event in found if action in (None, event.action)]
