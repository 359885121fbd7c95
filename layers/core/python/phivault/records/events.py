"""The audit events of a call on records: built here only, and never left out.

A verb runs inside a Trail. What it is about to release or commit it records first; whatever then fails, before
or after, leaves an event with the error's code when the Trail ends. So the log may say more than happened
(a crash between record and commit), never less. 45 CFR 164.312(b).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Self

from phivault.attributed import of_principal
from phivault.audit.event import Action, AuditEvent
from phivault.errors import PhivaultError
from phivault.phi.data_class import DataClass
from phivault.records.call import Call
from phivault.records.service import Records

if TYPE_CHECKING:
    from phivault.records.pseudonyms import Pseudonyms

PHI = frozenset({DataClass.CONTACT, DataClass.IDENTIFYING, DataClass.CLINICAL, DataClass.SENSITIVE})
RELATED = "RelatedPerson"
MOST_COMPARED = 5000
"""Resources with which the conditions of one call are compared: each is opened."""
OPAQUE = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Target:
    """What an event is about: a resource (or only its type) and the patient whose data it is, "" for nobody's."""

    resource: str
    id: str = ""
    version: int = 0
    patient: str = ""


class Trail:
    """The events of one call. ``target`` is what the call is about as far as it is known yet; ``pseudonyms`` are kept
    here for ``records.pseudonyms`` once it has made them. ``project`` is the research project of the call once the
    caller is known to be approved for it: until then its name is any text of theirs, and a line that held it would
    account for uses of that project's key. ``consulted`` are patients whose consents were looked into, ``relatives``
    RelatedPersons who were opened to see whose they are, ``consents`` the sizes of the Consents that the call writes,
    by their patients and ids; ``anchored`` what was noted of resources that the call is going to read, by type and id
    (records.anchors); ``comparable`` how many resources its conditions may still be compared with, ``patched`` how many
    bytes its patches left."""

    def __init__(self, records: Records, call: Call, action: Action, target: Target) -> None:
        self.records = records
        self.call = call
        self.action = action
        self.target = target
        self.pseudonyms: Pseudonyms | None = None
        self.project = ""
        self.consulted: set[str] = set()
        self.relatives: set[str] = set()
        self.consents: dict[str, dict[str, int]] = {}
        self.anchored: dict[tuple[str, str], int] = {}
        self.attempt()
        self._recording = False

    def attempt(self) -> None:
        """Begin, or begin again: what is bounded by call is bounded by attempt."""
        self.comparable = MOST_COMPARED
        self.patched = 0

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
        return of_principal(
            action,
            principal,
            at=self.records.now().timestamp(),
            request_id=self.call.request_id,
            error=error,
            resource=target.resource,
            resource_id=_opaque(target.id),
            version=target.version,
            patient=_opaque(target.patient),
            purpose=purpose.of_use.value,
            purpose_asserted=purpose.asserted,
            classes=tuple(sorted(data_class.value for data_class in classes)),
            envelope=envelope,
            flags=(f"project:{self.project}",) if self.project else (),
        )

    def record(self, *events: AuditEvent) -> None:
        """Return once all ``events`` are locked, in one object; else raise Unavailable."""
        self._recording = True
        self.records.recorder.append([*events, *self._consulted_beside(events)])
        self._recording = False

    def _consulted_beside(self, events: Sequence[AuditEvent]) -> list[AuditEvent]:
        """Of each patient whose consents were opened to decide, and each RelatedPerson who was, without any of
        ``events`` naming them: that it was so, and that nothing was released. Whoever compares uses of keys with the
        log finds them accounted for."""
        named = {event.patient for event in events}
        patients = sorted(self.consulted - named)
        beside = [self.event(target=Target(self.target.resource, patient=patient)) for patient in patients]
        relatives = {event.resource_id for event in events if event.resource == RELATED}
        if "" in relatives:  # who names the type alone accounts for all of it
            return beside
        opened = sorted(self.relatives - relatives)
        # As a search's intent: nothing of them was read.
        return beside + [self.event(target=Target(RELATED, id), action=Action.SEARCH) for id in opened]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        # A recorder that just failed isn't asked again: the call ends as Unavailable with nothing released.
        if self._recording or not isinstance(error, Exception):
            return
        self.record(self.event(error=error if isinstance(error, PhivaultError) else PhivaultError()))


def _opaque(id: str) -> str:
    """Our ids are UUIDs. An id of another shape was made up by the caller and could say anything: not recorded."""
    return id if OPAQUE.fullmatch(id) else ""
