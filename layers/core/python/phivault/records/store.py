"""Where sealed resources are kept: the port that the PostgreSQL adapter fills."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class SealedVersion:
    """One version of one resource. ``envelope`` is None where this version is a deletion. ``patient`` (a bare id, ""
    for nobody's) and ``tokens`` (what a search finds it by, records/index) are given where it is written; what is read
    carries neither."""

    type: str
    id: str
    version: int
    subject: str
    at: datetime
    envelope: bytes | None = field(repr=False)
    patient: str = ""
    tokens: frozenset[bytes] = field(default=frozenset(), repr=False)


@dataclass(frozen=True, slots=True)
class Absent:
    """What must not be there when a commit takes place: a resource of ``type`` that has, of each of ``groups``, one
    token at least, and was written after the moment ``since`` (ResourceStore.moment); without one, whenever it was."""

    type: str
    groups: tuple[tuple[bytes, ...], ...]
    since: str | None = None


@dataclass(frozen=True, slots=True)
class Holding:
    """Of what a subject owns, what holds elements that the caller may search by and elements that they may read: the
    codes of these data classes, of which a header has to list one of ``found`` and one of ``shown``."""

    subject: str
    found: bytes
    shown: bytes


@dataclass(frozen=True, slots=True)
class HoldingType:
    """The same of a type: ``found`` and ``shown`` are the codes for resources of it about one patient."""

    type: str
    found: bytes
    shown: bytes


@dataclass(frozen=True, slots=True)
class SealedHistory:
    """Versions of a resource, newest first. ``low`` is the one down to which was looked, 1 where no other is left;
    ``present`` how many there are from there up to the place asked for, met or not. None where times were asked for."""

    rows: list[SealedVersion]
    low: int
    present: int | None


@dataclass(frozen=True, slots=True)
class Owned:
    """Whose a stored resource is. ``classes`` are the codes of the data classes that its envelope's header claims."""

    type: str
    id: str
    subject: str
    classes: bytes


@dataclass(frozen=True, slots=True)
class IdempotencyRecord:
    """What a repeated Idempotency-Key finds: the hash of the first request and the versions it made, in order."""

    principal: str
    key: str
    request_hash: bytes
    made: tuple[tuple[str, str, int], ...] = ()


class ResourceStore(Protocol):
    """Obligations: every call is confined to ``tenant`` by row-level security under a signed context and costs
    one round trip. A read sees every committed write. Unavailable is raised when the database can't be reached
    or doesn't answer in time; no other driver error escapes."""

    def read(self, tenant: str, type: str, id: str) -> SealedVersion | None:
        """The newest version, a deletion included; None where the id was never used in this tenant."""

    def read_version(self, tenant: str, type: str, id: str, version: int) -> SealedVersion | None:
        """One version from the history."""

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
        """Newest versions that aren't deletions, ordered by id, ids greater than ``after``; at most ``limit``, and none
        behind ``room`` bytes of envelopes (the first one comes whatever its size). With ``shuffle`` (32 secret bytes)
        they are ordered by SHA-256(shuffle || id), and go on after that of ``after``."""

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
        """The same of what these subjects own (in order, each once, at most 100) and the caller may see something of,
        ordered by subject and then by id; of the first one only ids greater than ``after``."""

    def of_subjects(self, tenant: str, type: str, subjects: Sequence[str]) -> list[SealedVersion]:
        """The newest versions of a type that these subjects own, deletions left out: all of them, so only for a type of
        which nobody has many (consent_rules bounds Consents)."""

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
        """Versions below ``before`` that are deletions or hold a class of ``shown`` (codes), written at ``since`` or
        later; at most ``limit``, and none behind ``room`` bytes of envelopes (the first one comes whatever its
        size)."""

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
        """Newest versions, deletions left out, of these types (each once) that the patient (a bare id) owns and the
        caller may see something of, and such RelatedPersons that one of the tokens ``relatives`` finds for them (a
        token may find others, too: look at whose each is). Ordered by type and id, behind the place ``after``;
        ``since``, ``limit`` and ``room`` as of ``history``."""

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
        """Newest versions that aren't deletions and have of each of ``groups`` (one at least) one token at least;
        written from ``since`` and before ``until``; of ``patients`` (in order, each once, none before that of
        ``after``), or all. Ordered by patient and id, behind the place ``after``; at most ``limit``, and none behind
        ``room`` bytes of envelopes (the first one comes whatever its size). ``patient`` is what the index says: good
        for the order, and proven by nothing."""

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
        """The same, ordered by when they were written and id, or by id alone, behind the place ``after``; of
        ``subjects`` or all; ``groups`` may be none."""

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
        """The same of what these subjects own and the caller may see something of, whatever its tokens."""

    def owners_of(self, tenant: str, references: Sequence[tuple[str, str]]) -> list[Owned]:
        """Of these (type, id), each once, those that exist and aren't deleted, in no order."""

    def moment(self) -> str:
        """Now, as a commit's ``absent`` understands it: what commits from here on came after it."""

    def find_idempotent(self, tenant: str, principal: str, key: str) -> IdempotencyRecord | None:
        """The record that a commit of the last LIFE_DAYS (phivault.records.idempotency) left under this key."""

    def commit(
        self,
        tenant: str,
        writes: Sequence[SealedVersion],
        *,
        references: Sequence[tuple[str, str]],
        idempotency: IdempotencyRecord | None,
        absent: Sequence[Absent] = (),
    ) -> None:
        """Write all versions, their history, their tokens (which replace those of the version before; a deletion has
        none) and the idempotency record, or nothing, durably once it returns.

        A version must be exactly one above the newest (1 for a new id), else Conflict; a subject that differs
        from the newest version's is Unprocessable. Each (type, id) of ``references`` must exist undeleted in
        this tenant or among ``writes``, else Unprocessable naming its type alone; a row referred to can't be
        deleted while the transaction runs. An idempotency key that another commit took meanwhile is Conflict (one whose
        life is over is as new), and so is what ``absent`` describes and another commit wrote (this one's own writes
        don't count): of two with the same condition and moment, one commits. No lock is waited for longer than 2 s.
        """
