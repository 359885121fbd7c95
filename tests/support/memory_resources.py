"""A store of sealed resources in memory, which fails where it is told to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from hashlib import sha256
from typing import Any

from phivault.errors import Conflict, Unavailable, Unprocessable
from phivault.records.store import Absent, Holding, HoldingType, IdempotencyRecord, Owned, SealedHistory, SealedVersion


class MemoryResources:
    """A ResourceStore. The next commit fails ``before`` or ``after`` it is durable where ``fail_commit`` says so;
    ``before_commit`` runs once when a commit begins, as another writer would; ``down`` refuses every call."""

    def __init__(self, steps: list[str]) -> None:
        self.versions: dict[tuple[str, str, str], list[SealedVersion]] = {}
        self.tokens: dict[tuple[str, str, str], tuple[str, frozenset[bytes]]] = {}
        """The patient and the tokens of each resource, by tenant, type and id."""
        self._committed: list[tuple[str, str, str]] = []
        self.keys: dict[tuple[str, str, str], IdempotencyRecord] = {}
        self.fail_commit = ""
        self.before_commit: Callable[[], None] | None = None
        self.down = False
        self.calls: list[str] = []
        self._steps = steps

    def read(self, tenant: str, type: str, id: str) -> SealedVersion | None:
        self._answer("read")
        versions = self.versions.get((tenant, type, id))
        return versions[-1] if versions else None

    def read_version(self, tenant: str, type: str, id: str, version: int) -> SealedVersion | None:
        self._answer("read_version")
        versions = self.versions.get((tenant, type, id), [])
        return versions[version - 1] if 1 <= version <= len(versions) else None

    def search(
        self,
        tenant: str,
        type: str,
        *,
        subject: str | None,
        ids: Sequence[str] | None,
        after: str,
        limit: int,
        room: int,
        shuffle: bytes | None = None,
    ) -> list[SealedVersion]:
        self._answer("search")
        place = partial(_place, shuffle)
        newest = [v[-1] for (owner, kind, _), v in self.versions.items() if (owner, kind) == (tenant, type)]
        found = [
            version
            for version in newest
            if version.envelope is not None
            and (not after or place(version.id) > place(after))
            and (subject is None or version.subject == subject)
            and (ids is None or version.id in ids)
        ]
        return _within(sorted(found, key=lambda version: place(version.id))[:limit], room)

    def search_among(
        self,
        tenant: str,
        type: str,
        *,
        among: Sequence[Holding],
        ids: Sequence[str] | None,
        after: str,
        limit: int,
        room: int,
    ) -> list[SealedVersion]:
        self._answer("search_among")
        subjects = [each.subject for each in among]
        assert subjects == sorted(set(subjects))
        assert len(subjects) <= 100
        newest = [v[-1] for (owner, kind, _), v in self.versions.items() if (owner, kind) == (tenant, type)]
        found = [
            version
            for version in newest
            if version.envelope is not None
            and any(_holds(version, each) for each in among)
            and (version.subject != subjects[0] or version.id > after)
            and (ids is None or version.id in ids)
        ]
        return _within(sorted(found, key=lambda version: (version.subject, version.id))[:limit], room)

    def of_subjects(self, tenant: str, type: str, subjects: Sequence[str]) -> list[SealedVersion]:
        self._answer("of_subjects")
        newest = [v[-1] for (owner, kind, _), v in self.versions.items() if (owner, kind) == (tenant, type)]
        found = [version for version in newest if version.envelope is not None and version.subject in subjects]
        return sorted(found, key=lambda version: (version.subject, version.id))

    def history(
        self,
        tenant: str,
        type: str,
        id: str,
        *,
        shown: bytes,
        before: int,
        since: datetime | None,
        limit: int,
        room: int,
    ) -> SealedHistory:
        self._answer("history")
        below = [each for each in self.versions.get((tenant, type, id), [])[::-1] if each.version < before]
        met = [each for each in below if _lists(each, shown, shown) and (since is None or each.at >= since)]
        rows = _within(met[:limit], room)
        low = 1 if len(met) < limit and rows == met else rows[-1].version
        return SealedHistory(rows, low, sum(each.version >= low for each in below) if since is None else None)

    def of_patient(
        self,
        tenant: str,
        patient: str,
        *,
        types: Sequence[HoldingType],
        relatives: Sequence[bytes],
        after: tuple[str, str],
        since: datetime | None,
        limit: int,
        room: int,
    ) -> list[SealedVersion]:
        self._answer("of_patient")
        kinds = {each.type: each for each in types}
        assert len(kinds) == len(types)
        found = [
            each
            for (owner, kind, id), versions in sorted(self.versions.items())
            if owner == tenant and kind in kinds and (kind, id) > after
            for each in versions[-1:]
            if each.envelope is not None and (since is None or each.at >= since)
            if _lists(each, kinds[kind].found, kinds[kind].shown)
            if each.subject == f"Patient/{patient}"
            or (kind == "RelatedPerson" and self._is_relative((owner, kind, id), patient, relatives))
        ]
        return _within(found[:limit], room)

    def _is_relative(self, place: tuple[str, str, str], patient: str, relatives: Sequence[bytes]) -> bool:
        owner, tokens = self.tokens.get(place, ("", frozenset()))
        return owner == patient and not tokens.isdisjoint(relatives)

    def find(
        self,
        tenant: str,
        type: str,
        *,
        groups: Sequence[Sequence[bytes]],
        patients: Sequence[str] | None,
        ids: Sequence[str] | None,
        since: datetime | None,
        until: datetime | None,
        after: tuple[str, str],
        limit: int,
        room: int,
    ) -> list[SealedVersion]:
        self._answer("find")
        assert groups
        assert patients is None or list(patients) == sorted(set(patients))
        assert patients is None or all(patient >= after[0] for patient in patients)
        found = [
            each
            for each in self._with_tokens(tenant, type, groups, ids, since, until)
            if (each.patient, each.id) > after and (patients is None or each.patient in patients)
        ]
        return _within(sorted(found, key=lambda each: (each.patient, each.id))[:limit], room)

    def recent(
        self,
        tenant: str,
        type: str,
        *,
        by_time: bool,
        backwards: bool,
        groups: Sequence[Sequence[bytes]],
        subjects: Sequence[str] | None,
        ids: Sequence[str] | None,
        since: datetime | None,
        until: datetime | None,
        after: tuple[datetime, str] | None,
        limit: int,
        room: int,
    ) -> list[SealedVersion]:
        self._answer("recent")

        def place(at: datetime, id: str) -> tuple[Any, ...]:
            return (at, id) if by_time else (id,)

        found = [
            (place(each.at, each.id), each)
            for each in self._with_tokens(tenant, type, groups, ids, since, until)
            if subjects is None or each.subject in subjects
        ]
        found.sort(key=lambda each: each[0], reverse=backwards)
        if after is not None:
            found = [each for each in found if each[0] != place(*after) and (each[0] < place(*after)) == backwards]
        return [replace(each, patient="") for each in _within([each for _, each in found][:limit], room)]

    def recent_among(
        self,
        tenant: str,
        type: str,
        *,
        by_time: bool,
        backwards: bool,
        among: Sequence[Holding],
        ids: Sequence[str] | None,
        since: datetime | None,
        until: datetime | None,
        after: tuple[datetime, str] | None,
        limit: int,
        room: int,
    ) -> list[SealedVersion]:
        everything = self.recent(
            tenant,
            type,
            by_time=by_time,
            backwards=backwards,
            groups=(),
            subjects=[each.subject for each in among],
            ids=ids,
            since=since,
            until=until,
            after=after,
            limit=len(self.versions),
            room=1 << 40,
        )
        found = [row for row in everything if any(_holds(row, each) for each in among)]
        return _within(found[:limit], room)

    def _with_tokens(
        self,
        tenant: str,
        type: str,
        groups: Sequence[Sequence[bytes]],
        ids: Sequence[str] | None,
        since: datetime | None,
        until: datetime | None,
    ) -> list[SealedVersion]:
        newest = []
        for place, versions in self.versions.items():
            patient, tokens = self.tokens.get(place, ("", frozenset()))
            if place[:2] == (tenant, type) and all(tokens.intersection(group) for group in groups):
                newest.append(replace(versions[-1], patient=patient))
        return [
            each
            for each in newest
            if each.envelope is not None
            and (ids is None or each.id in ids)
            and (since is None or each.at >= since)
            and (until is None or each.at < until)
        ]

    def owners_of(self, tenant: str, references: Sequence[tuple[str, str]]) -> list[Owned]:
        self._answer("owners_of")
        assert len(set(references)) == len(references)
        newest = [self.versions[tenant, *each][-1] for each in references if (tenant, *each) in self.versions]
        return [_owned(version) for version in newest if len(version.envelope or b"") > 42]

    def moment(self) -> str:
        self._answer("moment")
        return str(len(self._committed))

    def find_idempotent(self, tenant: str, principal: str, key: str) -> IdempotencyRecord | None:
        self._answer("find_idempotent")
        return self.keys.get((tenant, principal, key))

    def commit(
        self,
        tenant: str,
        writes: Sequence[SealedVersion],
        *,
        references: Sequence[tuple[str, str]],
        idempotency: IdempotencyRecord | None,
        absent: Sequence[Absent] = (),
    ) -> None:
        self._answer("commit")
        if self.before_commit is not None:
            other, self.before_commit = self.before_commit, None
            other()
        failure, self.fail_commit = self.fail_commit, ""
        if failure == "before":
            raise Unavailable("The database is out of reach")
        self._check(tenant, writes, references, idempotency)
        if any(self._is_there(tenant, condition) for condition in absent):
            raise Conflict("What must be absent is there")
        for write in writes:
            place = (tenant, write.type, write.id)
            self.versions.setdefault(place, []).append(replace(write, patient="", tokens=frozenset()))
            self.tokens[place] = (write.patient, write.tokens)
            self._committed.append(place)
        if idempotency is not None:
            self.keys[tenant, idempotency.principal, idempotency.key] = idempotency
        self._steps.append("commit")
        if failure == "after":
            raise Unavailable("The answer was lost")

    def replace(self, tenant: str, type: str, id: str, **changes: Any) -> None:
        """What who can write to the database might do to a row."""
        versions = self.versions[tenant, type, id]
        versions[-1] = replace(versions[-1], **changes)

    def _check(
        self,
        tenant: str,
        writes: Sequence[SealedVersion],
        references: Sequence[tuple[str, str]],
        idempotency: IdempotencyRecord | None,
    ) -> None:
        if idempotency is not None and (tenant, idempotency.principal, idempotency.key) in self.keys:
            raise Conflict("The key is taken")
        for write in writes:
            before = self.versions.get((tenant, write.type, write.id), [])
            if write.version != len(before) + 1:
                raise Conflict("The version is not the next")
            if before and before[-1].subject != write.subject:
                raise Unprocessable("The subject differs")
        written = {(write.type, write.id): write for write in writes}
        for reference in references:
            newest = written.get(reference) or (self.versions.get((tenant, *reference)) or [None])[-1]
            if newest is None or newest.envelope is None:
                raise Unprocessable("A reference to nothing")

    def _is_there(self, tenant: str, condition: Absent) -> bool:
        assert condition.groups
        places = self.tokens.keys()
        if condition.since is not None:
            places &= set(self._committed[int(condition.since) :])
        return any(
            all(self.tokens[place][1] & set(group) for group in condition.groups)
            for place in places
            if place[:2] == (tenant, condition.type)
        )

    def _answer(self, call: str) -> None:
        self.calls.append(call)
        if self.down:
            raise Unavailable("The database is out of reach")


def _within(found: list[SealedVersion], room: int) -> list[SealedVersion]:
    taken = 0
    for number, each in enumerate(found):
        if taken >= room:
            return found[:number]
        taken += len(each.envelope or b"")
    return found


def _place(shuffle: bytes | None, id: str) -> bytes:
    return id.encode() if shuffle is None else sha256(shuffle + id.encode()).digest()


def _holds(version: SealedVersion, each: Holding) -> bool:
    return version.subject == each.subject and _lists(version, each.found, each.shown)


def _lists(version: SealedVersion, found: bytes, shown: bytes) -> bool:
    if len(version.envelope or b"") <= 42:
        return True
    listed = set(_owned(version).classes)
    return bool(listed.intersection(found) and listed.intersection(shown))


def _owned(version: SealedVersion) -> Owned:
    envelope = version.envelope or b""
    codes = envelope[42 : 42 + int.from_bytes(envelope[38:40])]
    return Owned(version.type, version.id, version.subject, codes)
