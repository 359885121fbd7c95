"""What the verbs of rotation need."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from phivault.audit.event import Action, AuditEvent
from phivault.audit.recorder import Recorder
from phivault.audit.system import key_event
from phivault.crypto.subject_key_store import KeyWrapper, SubjectKeyStore
from phivault.crypto.subject_keys import SubjectKeys
from phivault.errors import PhivaultError
from phivault.rotation.rows import SealedRows

IN_FLIGHT_SECONDS: Final = 40
"""A request may hold a key for 29 s, when API Gateway ends it; and a new key may take some more to be kept after the
time that is noted with it."""


class KeyService(Protocol):
    """Obligations: Unavailable where it refuses or doesn't answer in time."""

    def state(self, key: str) -> str:
        """Of a key that wraps: ``Enabled``, ``Disabled``, ``PendingDeletion``, or another word of the service's."""


@dataclass(frozen=True, slots=True)
class Rotation:
    """Keys, where they are kept, and the rows under them. ``cache_seconds`` is how long a function may hold a key;
    ``recovery_days``, from when on no backup of the database has rows that were there today. ``former`` are the
    wrapper's keys besides its current one. ``now`` is in Unix seconds."""

    keys: SubjectKeys
    store: SubjectKeyStore
    wrapper: KeyWrapper
    rows: SealedRows
    recorder: Recorder
    service: KeyService
    former: Sequence[str]
    cache_seconds: int
    recovery_days: int
    now: Callable[[], float]

    @property
    def settled_seconds(self) -> int:
        """After it nobody seals under the key before a new one."""
        return self.cache_seconds + IN_FLIGHT_SECONDS

    def event(
        self,
        action: Action,
        by: str,
        tenant: str,
        subject: str,
        version: int,
        error: PhivaultError | None = None,
        *flags: str,
    ) -> AuditEvent:
        """``by`` is the operator's id."""
        return key_event(action, tenant, subject, version, error, user_id=by, role="operator", flags=flags)
