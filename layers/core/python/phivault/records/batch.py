"""A batch bundle: each entry on its own, whatever becomes of the others. FHIR R4, section 3.1.0.11.1.

Each write is decided by itself. One PUT records them together: that a batch began, a line per resource, and a line for
each that is refused. One transaction commits them together; where the database refuses that (another writer was faster,
a reference broke), they are committed one by one, so that only those at fault fail, which leaves a line for each. Reads
come last. Where ids are given by the server and no two entries change one resource, the answers are those that the
entries would have got alone (docs/adr/0038).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

from phivault.audit.event import Action, AuditEvent
from phivault.errors import Conflict, InvalidInput, PhivaultError, Unavailable, Unprocessable, named
from phivault.records import anchors
from phivault.records.authorise import Authority, owner_of
from phivault.records.bundle import Entry, Placed, each_of
from phivault.records.bundle_out import transaction_response
from phivault.records.changes import Change, join_new_patients
from phivault.records.conditions import refuse_own, whole
from phivault.records.entries import ACTIONS, decide, reads, refusal, seal_write, version_of
from phivault.records.events import Target, Trail
from phivault.records.idempotency import Repeated, commit, once, request_hash
from phivault.records.if_none_exist import condition, existing
from phivault.records.reach import require_within_reach
from phivault.records.released import View
from phivault.records.seal import Draft
from phivault.records.store import Absent, IdempotencyRecord
from phivault.records.transaction import Answers, Asked, Transacted, at, repeat, there

_APART: Final = ("Bundle", "batch", 0)
"""In place of the versions made: that the entries were committed one by one, each under a key of its own."""
_REFUSED: Final = "OperationOutcome"
"""In place of a version: that an entry was refused, and with which status."""


type _Entries = Sequence[Entry | InvalidInput]


@dataclass(slots=True)
class _Writes:
    """Of the entries that write, by number."""

    drafts: dict[int, Draft | Change] = field(default_factory=dict)
    changes: dict[int, Change] = field(default_factory=dict)
    absent: dict[int, Absent] = field(default_factory=dict)
    found: dict[int, View] = field(default_factory=dict)
    refused: dict[int, PhivaultError] = field(default_factory=dict)
    events: list[AuditEvent] = field(default_factory=list)

    def refuse(self, number: int, error: PhivaultError, event: AuditEvent) -> None:
        self.refused[number] = error
        self.events.append(event)
        for of in (self.drafts, self.changes, self.absent, self.found):
            of.pop(number, None)


def run(trail: Trail, raw: Sequence[bytes], body: bytes, asked: Asked, key: str | None) -> Transacted:
    """Answer the entries of a batch, whose texts ``raw`` are. Raises Unavailable where nothing was committed, or nobody
    knows whether it was; Unprocessable for an Idempotency-Key of another request."""
    entries = each_of(raw)
    hashed = partial(request_hash, "POST", "", body)
    first, again = partial(_first, trail, entries, asked), partial(_again, trail, entries, asked)
    answers = once(trail, key, hashed, first, again)
    asked_for = {n: entry for n, entry in enumerate(entries) if isinstance(entry, Entry) and entry.method == "GET"}
    answers |= reads(trail, asked_for, asked.base_url, asked.room)
    replies = [answers[number] for number in range(len(entries))]
    return Transacted(len(replies), transaction_response(replies, asked.base_url, "batch-response"))


def _first(trail: Trail, entries: _Entries, asked: Asked, record: IdempotencyRecord | None) -> Answers:
    trail.target = Target("Bundle")
    return _do(trail, entries, asked, _changing(entries), partial(_committed, trail, entries, record=record))


def _do(
    trail: Trail,
    entries: _Entries,
    asked: Asked,
    numbers: Collection[int],
    finish: Callable[[_Writes], dict[int, PhivaultError]],
) -> Answers:
    """Decide these entries and record them; then ``finish`` commits, and says what failed of it."""
    writes = _decided(trail, Authority(trail), entries, numbers)
    trail.target = Target("Bundle")
    trail.record(trail.event(), *(change.event for change in writes.changes.values()), *writes.events)
    join_new_patients(trail, list(writes.changes.values()))
    failed = finish(writes)
    if failed:
        trail.record(*(_refused(trail, entries[n], error, writes.changes[n].target) for n, error in failed.items()))
    answers: Answers = {n: refusal(trail, error, asked.room) for n, error in (writes.refused | failed).items()}
    for number, change in writes.changes.items():
        entry = entries[number]
        if number not in failed and isinstance(entry, Entry):
            answers[number] = version_of(entry, writes.drafts[number], change, asked.prefer, asked.room)
    return answers | {number: there(trail, view, asked) for number, view in writes.found.items()}


def _decided(trail: Trail, authority: Authority, entries: _Entries, numbers: Collection[int]) -> _Writes:
    """Every write on its own: allowed, valid, sealed and with references within reach, or refused. Unavailable ends
    all: the next entry would wait for the same."""
    writes = _Writes()
    readable = {n: entry for n in numbers if isinstance(entry := entries[n], Entry)}
    # References to other entries of a batch are none: each stands alone.
    placed = {n: Placed(entry, entry.id or trail.records.new_id()) for n, entry in readable.items()}
    _load(trail, authority, list(placed.values()))
    for number in numbers:
        entry = entries[number]
        if isinstance(entry, PhivaultError):
            writes.refuse(number, entry, trail.event(error=entry, target=Target("Bundle")))
        else:
            _decide(trail, authority, writes, number, placed[number])
    _within_reach(trail, authority, writes, entries)
    return writes


def _changing(entries: _Entries) -> list[int]:
    """The numbers of the entries that aren't reads."""
    return [n for n, entry in enumerate(entries) if not isinstance(entry, Entry) or entry.method != "GET"]


def _load(trail: Trail, authority: Authority, placed: Sequence[Placed]) -> None:
    """What the decisions need about all, in one call each. Whose a resource is that can't be told is found later."""
    patients: set[str] = set()
    for one in placed:
        if one.entry.method != "POST":
            continue
        if one.entry.type == "Patient":
            authority.creates([one.id])
            continue
        try:
            patients.add(owner_of(one.entry.type, one.id, one.members).patient)
        except PhivaultError:
            continue
    authority.load(patients)
    anchors.expect(trail, [(one.entry.type, one.id) for one in placed if one.entry.method != "POST"])


def _decide(trail: Trail, authority: Authority, writes: _Writes, number: int, one: Placed) -> None:
    entry = one.entry
    trail.target = Target(entry.type, entry.id or "")
    try:
        with at(number):
            if entry.if_none_exist is not None:
                view, absent = existing(trail, authority, condition(entry.type, entry.if_none_exist))
                if view is not None:
                    writes.found[number] = view
                    writes.events.append(trail.event(view.classes, target=view.target, action=Action.READ))
                    return
                writes.absent[number] = absent
            writes.drafts[number] = made = decide(trail, authority, one, one.members)
            writes.changes[number] = seal_write(trail, made)
            refuse_own(
                whole(writes.drafts, writes.changes), {n: one for n, one in writes.absent.items() if n == number}, at
            )
    except Unavailable:
        raise
    except PhivaultError as error:
        for consents in trail.consents.values():
            consents.pop(one.id, None)  # it isn't going to be written
        writes.refuse(number, error, _refused(trail, entry, error, trail.target))


def _within_reach(trail: Trail, authority: Authority, writes: _Writes, entries: _Entries) -> None:
    """All at once where nothing is at fault, else each by itself."""
    try:
        require_within_reach(trail, authority, list(writes.changes.values()))
    except Unprocessable:
        for number, change in list(writes.changes.items()):
            try:
                with at(number):
                    require_within_reach(trail, authority, [change])
            except Unprocessable as error:
                writes.refuse(number, error, _refused(trail, entries[number], error, change.target))


def _refused(trail: Trail, entry: Entry | InvalidInput, error: PhivaultError, target: Target) -> AuditEvent:
    action = ACTIONS[entry.method] if isinstance(entry, Entry) else trail.action
    if action is Action.CREATE:
        target = Target(target.resource, patient=target.patient)
    return trail.event(error=error, target=target, action=action)


def _committed(
    trail: Trail, entries: _Entries, writes: _Writes, *, record: IdempotencyRecord | None
) -> dict[int, PhivaultError]:
    """Commit all together, or each by itself where that is refused; those that failed, with why."""
    changes = {number: change for number, change in writes.changes.items() if change.write is not None}
    if not changes:
        return {}
    made = None if record is None else replace(record, made=_made(entries, writes))
    try:
        _commit(trail, changes.values(), list(writes.absent.values()), made)
    except Repeated:
        raise
    except (Conflict, Unprocessable):
        if record is not None:  # before any is committed: else a repeat after a crash would do all of them again
            commit(trail, [], [], replace(record, made=(_APART,)))
        return _one_by_one(trail, writes, record=record)
    return {}


def _commit(
    trail: Trail, changes: Iterable[Change], absent: Sequence[Absent], record: IdempotencyRecord | None
) -> None:
    some = list(changes)
    written = [change.write for change in some if change.write is not None]
    wanted = list(dict.fromkeys(reference for change in some for reference in change.references))
    commit(trail, written, wanted, record, absent)
    anchors.advance(trail, written)


def _one_by_one(trail: Trail, writes: _Writes, *, record: IdempotencyRecord | None) -> dict[int, PhivaultError]:
    """In their order. Once the database can't be reached, the others aren't tried."""
    failed: dict[int, PhivaultError] = {}
    down: Unavailable | None = None
    for number, change in writes.changes.items():
        try:
            with at(number):
                if down is not None:
                    raise down
                if change.write is not None:
                    own = [writes.absent[number]] if number in writes.absent else []
                    _commit(trail, [change], own, None if record is None else _of_entry(record, number))
        except Unavailable as error:
            failed[number] = down = error
        except (Conflict, Unprocessable) as error:
            failed[number] = error
    return failed


def _of_entry(record: IdempotencyRecord, number: int) -> IdempotencyRecord:
    """The record of one entry, under a key that nobody can send: a header has no NUL."""
    return replace(record, key=f"{record.key}\0{number}", made=())


def _made(entries: _Entries, writes: _Writes) -> tuple[tuple[str, str, int], ...]:
    """What a repeat is answered from, an item per entry that isn't a read. What was there already has its version below
    zero; a refusal has its status instead."""
    made: list[tuple[str, str, int]] = []
    for number in _changing(entries):
        if number in writes.refused:
            made.append((_REFUSED, writes.refused[number].code, writes.refused[number].status))
        elif number in writes.found:
            target = writes.found[number].target
            made.append((target.resource, target.id, -target.version))
        else:
            target = writes.changes[number].target
            made.append((target.resource, target.id, target.version))
    return tuple(made)


def _again(trail: Trail, entries: _Entries, asked: Asked, record: IdempotencyRecord) -> Answers:
    """The same answers: what was made is decided and recorded anew as a read, a refusal told by its status alone. Of
    entries that were committed one by one those are done now that weren't: the first request may have ended early."""
    trail.target = Target("Bundle")
    if record.made != (_APART,):
        return _repeated(trail, entries, asked, dict(zip(_changing(entries), record.made, strict=True)))
    made = {}
    for number in _changing(entries):
        own = _of_entry(record, number)
        done = trail.records.store.find_idempotent(trail.tenant, own.principal, own.key)
        if done is not None:
            made[number] = done.made[0]
    left = [number for number in _changing(entries) if number not in made]
    answers = _repeated(trail, entries, asked, made)
    return answers | _do(trail, entries, asked, left, partial(_one_by_one, trail, record=record))


def _repeated(trail: Trail, entries: _Entries, asked: Asked, made: Mapping[int, tuple[str, str, int]]) -> Answers:
    authority = Authority(trail)
    answers: Answers = {}
    events = [trail.event()]
    for number, (kind, id, version) in made.items():
        entry = entries[number]
        trail.target = Target(kind if kind != _REFUSED else "Bundle", id if kind != _REFUSED else "")
        try:
            if kind == _REFUSED or not isinstance(entry, Entry):
                raise named(id)(f"Bundle.entry[{number}]: it was refused when the batch came first")
            answers[number], event = repeat(trail, authority, entry, (kind, id, version))
            events.append(event)
        except Unavailable:
            raise
        except PhivaultError as error:
            answers[number] = refusal(trail, error, asked.room)
            events.append(_refused(trail, entry, error, trail.target))
    trail.target = Target("Bundle")
    trail.record(*events)
    return answers
