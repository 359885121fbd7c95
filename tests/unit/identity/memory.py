"""Stores in memory that keep the ports' contracts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from phivault.audit.canonical import EventLine, parse
from phivault.audit.event import AuditEvent
from phivault.audit.store import RecordedEvent
from phivault.crypto.subject_key_store import StoredKey
from phivault.errors import AccessDenied, Conflict, Unavailable
from phivault.identity.directory import User
from phivault.identity.messages import Message
from phivault.identity.pending import PendingSignIn
from phivault.identity.session import Session
from phivault.identity.tenant_rules import TenantRules
from tests.unit.identity.fake_administration import MemoryDirectory


class Clock:
    def __init__(self) -> None:
        self.time = 1_790_000_000.25

    def __call__(self) -> float:
        return self.time


class MemoryKeys:
    """SubjectKeyStore and KeyWrapper. ``calls`` counts what would be calls of KMS."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], StoredKey] = {}
        self.calls = 0

    def destroy(self, tenant: str, subject: str) -> None:
        self._rows[tenant, subject] = StoredKey(1, None)

    def newest(self, tenant: str, subject: str) -> StoredKey | None:
        return self._rows.get((tenant, subject))

    def read(self, tenant: str, subject: str, version: int) -> StoredKey | None:
        return self.newest(tenant, subject) if version == 1 else None

    def create(self, tenant: str, subject: str, version: int, wrapped: bytes, made_at: float | None = None) -> bool:
        return self._rows.setdefault((tenant, subject), StoredKey(version, wrapped)).wrapped == wrapped

    def wrap(self, tenant: str, subject: str, material: bytes) -> bytes:
        self.calls += 1
        return material

    def unwrap(self, tenant: str, subject: str, wrapped: bytes) -> bytes:
        self.calls += 1
        return wrapped


class MemoryEvents:
    """EventStore and EventIndex. ``down`` refuses before persisting, ``lost_answer`` fails after it."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.down = self.lost_answer = False

    def put(self, key: str, body: bytes, *, deadline: float) -> None:
        if self.down:
            raise Unavailable("The bucket is down")
        self.objects[key] = body
        if self.lost_answer:
            raise Unavailable("No answer")

    def add(self, events: Sequence[RecordedEvent]) -> None:
        pass

    @property
    def events(self) -> list[AuditEvent]:
        lines = [parse(line) for body in self.objects.values() for line in body.splitlines()]
        return [line.event for line in lines if isinstance(line, EventLine)]


class MemoryRules:
    """TenantRulesStore. ``by_tenant`` may be set from outside, as an earlier change would have."""

    def __init__(self) -> None:
        self.by_tenant: dict[str, TenantRules] = {}
        self.down = False

    def rules(self, tenant: str) -> TenantRules:
        if self.down:
            raise Unavailable("The table is down")
        return self.by_tenant.get(tenant, TenantRules())

    def replace_rules(self, tenant: str, rules: TenantRules) -> None:
        if self.rules(tenant).version != rules.version - 1:
            raise Conflict
        self.by_tenant[tenant] = rules

    def tenant_of(self, registration: str) -> str | None:
        found = [name for name, rules in self.by_tenant.items() if rules.registration == registration]
        return found[0] if found and self.rules(found[0]).self_sign_up else None


class MemoryState:
    """SessionStore and PendingStore."""

    def __init__(self, now: Clock, rules: MemoryRules | None = None, directory: MemoryDirectory | None = None) -> None:
        self._now = now
        self.rules, self.directory = rules or MemoryRules(), directory or MemoryDirectory()
        self.policies: dict[str, int] = {}
        self.barriers: dict[str, int] = {}
        self.sessions: dict[tuple[str, str], Session] = {}
        self.refresh: dict[str, tuple[str, str]] = {}
        self.pending: dict[str, PendingSignIn] = {}
        self.down = False

    def open(self, session: Session) -> None:
        self._check()
        key = (session.user_id, session.id)
        if session.began < self.barriers.get(session.user_id, 0):
            raise AccessDenied
        if key in self.sessions:
            raise Conflict
        now, who = session.opened, (session.user_id, session.tenant, session.role, session.patient_id)
        if not self.directory.signed_in(User(*who, session.personal, created=now, last_sign_in=now)):
            raise AccessDenied
        self.sessions[key], self.refresh[session.refresh_hash] = session, key

    def load(self, user_id: str, session_id: str) -> Session | None:
        self._check()
        session = self.sessions.get((user_id, session_id))
        return session if session and session.expires > self._now() else None

    def load_with_rules(self, user_id: str, session_id: str, tenant: str) -> tuple[Session | None, TenantRules, int]:
        return self.load(user_id, session_id), self.rules.rules(tenant), self.policies.get(tenant, 0)

    def of_user(self, user_id: str) -> Sequence[Session]:
        self._check()
        kept = [session for (owner, _), session in self.sessions.items() if owner == user_id]
        return [session for session in kept if session.expires > self._now()]

    def find_by_refresh(self, refresh_hash: str) -> Session | None:
        key = self.refresh.get(refresh_hash)
        return self.load(*key) if key else None

    def rotate(self, session: Session, refresh_hash: str) -> None:
        self._check()
        key = (session.user_id, session.id)
        stored = self.sessions[key]
        if stored.ended or stored.refresh_hash != session.refresh_hash:
            raise Conflict
        moved = replace(session, refresh_hash=refresh_hash, seen=stored.seen)
        self.sessions[key], self.refresh[refresh_hash] = moved, key

    def touch(self, user_id: str, session_id: str, at: int) -> None:
        self._check()
        session = self.sessions.get((user_id, session_id))
        if session and not session.ended and session.seen < at:
            self.sessions[user_id, session_id] = replace(session, seen=at)

    def end(self, user_id: str, session_id: str, at: int) -> bool:
        self._check()
        session = self.sessions.get((user_id, session_id))
        if session is None or session.ended:
            return False
        self.sessions[user_id, session_id] = replace(session, ended=at)
        return True

    def end_before(self, user_id: str, at: int) -> None:
        self._check()
        self.barriers[user_id] = max(at, self.barriers.get(user_id, 0))

    def ended_before(self, user_id: str) -> int:
        self._check()
        return self.barriers.get(user_id, 0)

    def save_pending(self, session_hash: str, pending: PendingSignIn) -> None:
        self._check()
        self.pending[session_hash] = pending

    def load_pending(self, session_hash: str) -> PendingSignIn | None:
        self._check()
        pending = self.pending.get(session_hash)
        return pending if pending and pending.expires > self._now() else None

    def drop_pending(self, session_hash: str) -> None:
        self._check()
        self.pending.pop(session_hash, None)

    def _check(self) -> None:
        if self.down:
            raise Unavailable("The table is down")


class MemoryMessenger:
    """Messenger. ``down`` refuses before sending, ``lost_answer`` fails after it."""

    def __init__(self) -> None:
        self.emails: list[tuple[str, Message]] = []
        self.texts: list[tuple[str, Message]] = []
        self.down = self.lost_answer = False

    def email(self, to: str, message: Message) -> None:
        self._keep(self.emails, to, message)

    def sms(self, to: str, message: Message) -> None:
        self._keep(self.texts, to, message)

    def _keep(self, kept: list[tuple[str, Message]], to: str, message: Message) -> None:
        if self.down:
            raise Unavailable("The carrier is down")
        kept.append((to, message))
        if self.lost_answer:
            raise Unavailable("No answer")
