"""A tenant's people who propose and approve, over stores in memory; a real decider and recorder."""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass, field, fields
from typing import Any

from phivault.access.decide import Decider
from phivault.access.principal import Personal, Principal
from phivault.access.roles import Role
from phivault.audit.canonical import EventLine, parse
from phivault.audit.event import Action, AuditEvent
from phivault.audit.recorder import Recorder
from phivault.ids import uuid7
from phivault.permissions.call import Call
from phivault.permissions.people import Member
from phivault.permissions.service import Permissions
from tests.support.audit import MemoryEvents, MemoryIndex
from tests.support.facts import MemoryFacts
from tests.support.memory_grants import MemoryGrants
from tests.support.memory_policies import MemoryPolicies

NORTH, SOUTH = "north", "south"
TEXT = """
@id("coordinators-read-clinical")
permit (
  principal in Role::"care_coordinator", action == Action::"read", resource is PatientData in DataClass::"clinical"
)
when { context.purpose == Purpose::"TREATMENT" };
"""


@dataclass
class World:
    """``moved`` seconds are ahead of the clock. ``users`` are (tenant, user id) -> who they are now."""

    moved: float = 0
    users: dict[tuple[str, str], Member] = field(default_factory=dict)
    patients: set[tuple[str, str]] = field(default_factory=set)
    locked: MemoryEvents = field(default_factory=MemoryEvents)

    def __post_init__(self) -> None:
        self.policies, self.grants = MemoryPolicies(self.now), MemoryGrants(self.now)
        others: Any = dict.fromkeys(one.name for one in fields(Permissions))  # what other verbs need isn't there
        ours: Any = {
            "recorder": Recorder(self.locked, MemoryIndex(), deadline_seconds=1),
            "decider": Decider(tenants=self.policies),
            "facts": MemoryFacts(),
            "users": self,
            "patients": self,
            "policies": self.policies,
            "grants": self.grants,
            "now": self.now,
            "new_id": lambda: str(uuid.uuid4()),
        }
        self.permissions = Permissions(**others | ours)

    def now(self) -> float:
        return time.time() + self.moved

    def active(self, tenant: str, user_id: str) -> Member | None:
        return self.users.get((tenant, user_id))

    def exists(self, tenant: str, patient: str) -> bool:
        return (tenant, patient) in self.patients

    def somebody(self, role: Role, tenant: str = NORTH, patient_id: str | None = None) -> str:
        """The id of a new user."""
        id = str(uuid.uuid4())
        self.users[tenant, id] = Member(id, role, patient_id)
        return id

    def patient(self, tenant: str = NORTH) -> str:
        id = str(uuid.uuid4())
        self.patients.add((tenant, id))
        return id

    def call(self, user_id: str, tenant: str = NORTH, *, age: int = 0, **changed: Any) -> Call:
        """A request of theirs, in a new session that began ``age`` seconds ago."""
        member = self.users[tenant, user_id]
        who: dict[str, Any] = {
            "user_id": user_id,
            "tenant": tenant,
            "role": member.role,
            "session_id": str(uuid.uuid4()),
            "auth_time": int(time.time()) - age,
            "source_ip": "192.0.2.1",
            "personal": Personal(f"User/{user_id}", "session", b"sealed"),
            "mfa": True,
        }
        return Call(self.permissions, Principal(**who | changed), uuid7())

    @property
    def events(self) -> list[AuditEvent]:
        lines = [parse(line) for chain in self.locked.chains().values() for line in chain]
        return [line.event for line in lines if isinstance(line, EventLine)]

    def last(self, action: Action) -> AuditEvent:
        """The newest event, which is of this action."""
        event = self.events[-1]
        assert event.action is action
        return event


def body(**members: Any) -> bytes:
    return json.dumps(members).encode()
