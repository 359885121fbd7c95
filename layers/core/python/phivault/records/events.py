"""The audit events of a call on records: built here only, and never left out.

A verb runs inside a Trail. What it is about to release or commit it records first; whatever then fails, before
or after, leaves an event with the error's code when the Trail ends. So the log may say more than happened
(a crash between record and commit), never less. 45 CFR 164.312(b).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC
from types import TracebackType
from typing import Any, Self

from phivault.audit.event import Action, AuditEvent
from phivault.audit.policy import flags_of, risk_of
from phivault.errors import PhivaultError
from phivault.ids import uuid7
from phivault.phi.data_class import DataClass
from phivault.records.call import Call
from phivault.records.service import Records

PHI = frozenset({DataClass.CONTACT, DataClass.IDENTIFYING, DataClass.CLINICAL, DataClass.SENSITIVE})
_OPAQUE = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Target:
    """What an event is about: a resource (or only its type) and the patient whose data it is, "" for nobody's."""

    resource: str
    id: str = ""
    version: int = 0
    patient: str = ""


class Trail:
    """The events of one call. ``target`` is what the call is about as far as it is known yet."""

    def __init__(self, records: Records, call: Call, action: Action, target: Target) -> None:
        self.records = records
        self.call = call
        self.action = action
        self.target = target
        self._recording = False

    @property
    def tenant(self) -> str:
        return self.call.principal.tenant

    def about(self, *, version: int | None = None, patient: str | None = None) -> None:
        """Learn more about the target."""
        target = self.target
        self.target = Target(
            target.resource,
            target.id,
            target.version if version is None else version,
            target.patient if patient is None else patient,
        )

    def event(
        self,
        classes: Collection[DataClass] = (),
        *,
        target: Target | None = None,
        action: Action | None = None,
        envelope: str = "",
        error: PhivaultError | None = None,
    ) -> AuditEvent:
        """The event of a release, a write or, with ``error``, of a failure."""
        target, action = target or self.target, action or self.action
        principal, purpose = self.call.principal, self.call.purpose
        personal = principal.personal
        released = tuple(sorted(data_class.value for data_class in classes))
        known: Any = {"patient": target.patient, "classes": released, "purpose": purpose.of_use.value}
        return AuditEvent(
            id=uuid7(),
            timestamp=self.records.now().astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            tenant=principal.tenant,
            action=action,
            success=error is None,
            risk=risk_of(action, error, **known),
            request_id=self.call.request_id,
            user_id=principal.user_id,
            role=principal.role.value,
            session=principal.session_id,
            personal=base64.b64encode(personal.sealed).decode() if personal else "",
            personal_subject=personal.subject if personal else "",
            personal_ref=personal.ref if personal else "",
            resource=target.resource,
            resource_id=_opaque(target.id),
            version=target.version,
            patient=_opaque(target.patient),
            purpose=purpose.of_use.value,
            purpose_asserted=purpose.asserted,
            classes=released,
            error=error.code if error else "",
            flags=flags_of(action, error, **known),
            envelope=envelope,
        )

    def record(self, *events: AuditEvent) -> None:
        """Return once all ``events`` are locked, in one object; else raise Unavailable."""
        self._recording = True
        self.records.recorder.append(events)
        self._recording = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        # A recorder that just failed isn't asked again: the call ends as Unavailable with nothing released.
        if self._recording or not isinstance(error, Exception):
            return
        self.record(self.event(error=error if isinstance(error, PhivaultError) else PhivaultError()))


def _opaque(id: str) -> str:
    """Our ids are UUIDs. An id of another shape was made up by the caller and could say anything: not recorded."""
    return id if _OPAQUE.fullmatch(id) else ""
