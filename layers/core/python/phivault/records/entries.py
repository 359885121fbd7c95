"""What an entry of a bundle does: the verbs, for many at once."""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Final

from phivault.access.facts import ConsentFacts, FactStore, PatientFacts
from phivault.access.principal import Principal
from phivault.access.purpose import Purpose
from phivault.access.roles import Role
from phivault.audit.event import Action, AuditEvent
from phivault.errors import ContentTooLarge, InvalidInput, PhivaultError, Unavailable
from phivault.records.authorise import Authority
from phivault.records.bundle import Entry, Placed
from phivault.records.bundle_out import Reply, Version
from phivault.records.changes import Change, change_to
from phivault.records.consents import Consents
from phivault.records.create import new_draft
from phivault.records.delete import deletion
from phivault.records.events import Target, Trail
from phivault.records.operation_outcome import informational, operation_outcome
from phivault.records.patch import patched
from phivault.records.read import read
from phivault.records.released import written
from phivault.records.seal import Draft
from phivault.records.search import search
from phivault.records.service import Records
from phivault.records.update import next_draft
from phivault.records.vread import vread

ROOM: Final = 5 << 20
"""Bytes of an answer, as they stand quoted in the JSON that a Lambda function answers (6 MB at most)."""
SHORT: Final = 512
"""Bytes of a refusal that is told whatever room is left: for as many entries as a bundle may have there is some."""
MAX_SEARCHES: Final = 50
"""Of one bundle: each may look at a thousand resources."""
ACTIONS: Final[Mapping[str, Action]] = {
    "POST": Action.CREATE,
    "PUT": Action.UPDATE,
    "PATCH": Action.UPDATE,
    "DELETE": Action.DELETE,
    "GET": Action.READ,
}
_log = logging.getLogger(__name__)


class Room:
    """What is left of the answer."""

    def __init__(self) -> None:
        self._left = ROOM

    def takes(self, text: bytes) -> bool:
        """Whether the text fits, which then takes its room."""
        size = len(json.dumps(text.decode()))
        if size > self._left:
            return False
        self._left -= size
        return True


def decide(trail: Trail, authority: Authority, one: Placed, members: Mapping[str, bytes]) -> Draft | Change:
    """The write of an entry, allowed and valid; ``members`` are those of its resource, for POST and PUT. Raises what
    its verb raises."""
    entry, target = one.entry, Target(one.entry.type, one.id)
    if entry.method == "POST":
        return new_draft(trail, authority, target, members)
    if entry.method == "PUT":
        return next_draft(trail, authority, target, members, entry.if_match)
    if entry.method == "PATCH":
        return patched(trail, authority, target, one.resource or b"", entry.if_match)
    return deletion(trail, authority, target, entry.if_match)


def seal_write(trail: Trail, made: Draft | Change) -> Change:
    if isinstance(made, Change):
        return made
    return change_to(trail, Action.CREATE if made.version == 1 else Action.UPDATE, made)


def version_of(entry: Entry, made: Draft | Change, change: Change, prefer: str, room: Room) -> Version:
    """The answer to a write that is done, in the form that the caller prefers, as far as there is room for it."""
    resource = outcome = None
    if prefer == "representation" and isinstance(made, Draft):
        body = written(made, change).body
        resource = body if room.takes(body) else None
    elif prefer == "OperationOutcome":
        outcome = informational("Done")
    return Version(
        method=entry.method,
        type=entry.type,
        id=change.target.id,
        version=change.target.version,
        at=change.at,
        resource=resource,
        outcome=outcome,
    )


def refusal(trail: Trail, error: PhivaultError, room: Room) -> Reply:
    """The answer of an entry that failed; many reasons are left out where there is no room for them. A fault of ours is
    named in the log alone."""
    if error.status >= 500:
        _log.error("an entry of a bundle failed: %s", error.code, extra={"request_id": trail.call.request_id})
    outcome = operation_outcome(error, request_id=trail.call.request_id)
    return Reply(status=error.status, outcome=outcome if len(outcome) <= SHORT or room.takes(outcome) else None)


def reads(trail: Trail, entries: Mapping[int, Entry], base_url: str, room: Room) -> dict[int, Reply]:
    """Answer the reads of a bundle, each by its own verb. What they release and refuse is recorded in one PUT before
    any of it is answered; where that fails, each is answered that it is unavailable."""
    if not entries:
        return {}
    held = _Held()
    replies: dict[int, Reply] = {}
    down: Unavailable | None = None
    searches = 0
    for number, entry in entries.items():
        before = len(held.events)
        searches += entry.id is None
        try:
            if down is not None:
                raise down
            replies[number] = _read(trail, held, entry, base_url, room, searches)
        except PhivaultError as error:
            if isinstance(error, Unavailable):
                down = error
            if isinstance(error, ContentTooLarge):  # it was opened and isn't released
                held.events[before:] = [_unreleased(trail, event, error) for event in held.events[before:]]
            if len(held.events) == before:
                held.append([trail.event(error=error, action=_action(entry), target=_target(entry))])
            replies[number] = refusal(trail, error, room)
    try:
        trail.record(*held.events)
    except Unavailable as error:
        return {number: refusal(trail, error, room) for number in entries}
    return replies


def _unreleased(trail: Trail, event: AuditEvent, error: PhivaultError) -> AuditEvent:
    """In place of the event of a release that didn't happen: whose keys it took stays on record."""
    if event.error:
        return event
    target = Target(event.resource, event.resource_id, event.version, event.patient)
    return trail.event(target=target, action=event.action, error=error)


def _action(entry: Entry) -> Action:
    return Action.SEARCH if entry.id is None else Action.READ if entry.version is None else Action.VREAD


def _target(entry: Entry) -> Target:
    return Target(entry.type, entry.id or "", entry.version or 0)


def _read(trail: Trail, held: _Held, entry: Entry, base_url: str, room: Room, searches: int) -> Reply:
    records = held.records(trail)
    parameters = dict(entry.parameters)
    if len(parameters) != len(entry.parameters) and entry.id is not None:
        raise InvalidInput("A parameter is repeated")
    if entry.id is None:
        if searches > MAX_SEARCHES:
            raise InvalidInput(f"A Bundle may have at most {MAX_SEARCHES} searches")
        found = search(records, trail.call, entry.type, list(entry.parameters), base_url=base_url)
        reply = Reply(status=200, resource=found.body)
    elif entry.version is None:
        one = read(records, trail.call, entry.type, entry.id, parameters)
        place = f"{one.type}/{one.id}"
        reply = Reply(status=200, place=place, version=one.version, at=one.at, resource=one.body)
    else:
        one = vread(records, trail.call, entry.type, entry.id, entry.version, parameters)
        place = f"{one.type}/{one.id}"
        reply = Reply(status=200, place=place, version=one.version, at=one.at, resource=one.body)
    if not room.takes(reply.resource or b""):
        raise ContentTooLarge("The answer of the Bundle has no room for it: ask for it in another request")
    return reply


class _Held:
    """The log of a bundle's reads: events are held until they are recorded together. Facts and consents are those of
    the bundle, loaded once for each patient."""

    def __init__(self) -> None:
        self.events: list[AuditEvent] = []
        self._facts: _Facts | None = None
        self._consents: _Consents | None = None

    def append(self, events: Sequence[AuditEvent]) -> None:
        self.events.extend(events)

    def records(self, trail: Trail) -> Records:
        if self._facts is None or self._consents is None:
            self._facts, self._consents = _Facts(trail.records.facts), _Consents(trail.records.consents)
        return replace(trail.records, recorder=self, facts=self._facts, consents=self._consents)


class _Facts:
    """Those of one bundle's reads."""

    def __init__(self, store: FactStore) -> None:
        self._store = store
        self._known: dict[str, PatientFacts] = {}

    def load(self, principal: Principal, purpose: Purpose, patients: Collection[str]) -> dict[str, PatientFacts]:
        missing = set(patients) - self._known.keys()
        if missing:
            self._known |= self._store.load(principal, purpose, sorted(missing))
        return {patient: self._known[patient] for patient in patients}

    def approved(self, principal: Principal, project: str) -> bool:
        return self._store.approved(principal, project)

    def projects(self, principal: Principal) -> frozenset[str]:
        return self._store.projects(principal)

    def patients_of(self, principal: Principal) -> frozenset[str]:
        return self._store.patients_of(principal)

    def join_care_team(self, tenant: str, patient: str, user_id: str, role: Role) -> None:
        self._store.join_care_team(tenant, patient, user_id, role)


class _Consents:
    def __init__(self, consents: Consents) -> None:
        self._consents = consents
        self._asked: set[str] = set()
        self._known: dict[str, ConsentFacts] = {}

    def load(self, principal: Principal, purpose: Purpose, patients: Collection[str]) -> dict[str, ConsentFacts]:
        missing = set(patients) - self._asked
        if missing:
            self._known |= self._consents.load(principal, purpose, sorted(missing))
            self._asked |= missing
        return {patient: self._known[patient] for patient in patients if patient in self._known}
