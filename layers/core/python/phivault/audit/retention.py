"""How long the log's objects stay locked: a period per tenant that only grows, and legal holds until they are lifted.

Object Lock keeps every object for the deployment's period from its own PUT on. What is kept here lengthens that:
an object takes the longest period of the tenants whose lines it has, and the log's tiles the longest of all.
45 CFR 164.316(b)(2)(i): six years.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from phivault.audit.event import Action
from phivault.audit.recorder import Recorder
from phivault.audit.system import system_event
from phivault.audit.tenants import UNKNOWN
from phivault.errors import Conflict, InvalidInput, NotFound, PhivaultError, Unprocessable

MAX_DAYS: Final = 36_500
PLACED, LIFTED, EXTENDED = "placed", "lifted", "extended"
_TENANT = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_TOKEN = re.compile(r"[A-Za-z0-9._:-]{1,64}")


@dataclass(frozen=True, slots=True)
class Hold:
    """``case`` refers to whoever asked for it; an opaque id, since it stands in the log for ever. ``patient`` "" holds
    all of the tenant. ``since`` is RFC 3339."""

    tenant: str
    case: str
    patient: str = ""
    since: str = ""

    def covers(self, tenant: str, patient: str) -> bool:
        return self.tenant == tenant and self.patient in ("", patient)


@dataclass(frozen=True, slots=True)
class Change:
    """A line of the history: what was done, and to how many days or for which case and patient."""

    at: str
    what: str
    days: int = 0
    case: str = ""
    patient: str = ""


@dataclass(frozen=True, slots=True)
class Rules:
    """Everything that differs from the default: days by tenant, and the holds that stand."""

    days: Mapping[str, int] = field(default_factory=dict)
    holds: tuple[Hold, ...] = ()


class RetentionStore(Protocol):
    """Obligations: a write is durable and part of the tenant's history, both or neither, once it returns; reads see
    every write that returned before. Raises Unavailable."""

    def rules(self) -> Rules: ...

    def history(self, tenant: str) -> Sequence[Change]:
        """Oldest first."""

    def extend(self, tenant: str, days: int, at: str) -> None:
        """Raises Conflict where the tenant's period isn't shorter than ``days``."""

    def place(self, hold: Hold) -> None:
        """Raises Conflict where that hold stands."""

    def lift(self, hold: Hold, at: str) -> None:
        """Raises NotFound where it doesn't stand."""


def _now() -> datetime:
    return datetime.now(UTC)


class Retention:
    """``default_days`` is the deployment's period. ``by`` is who changes it: the id that CloudTrail knows them by.
    ``knows`` answers whether the log has a line of a tenant (``Applier.knows``)."""

    def __init__(
        self,
        store: RetentionStore,
        recorder: Recorder,
        *,
        default_days: int,
        by: str,
        knows: Callable[[str], bool],
        now: Callable[[], datetime] = _now,
    ) -> None:
        self._store, self._recorder = store, recorder
        self._default, self._by, self._knows, self._clock = default_days, by, knows, now

    def days(self, tenant: str) -> int:
        return max(self._default, self._store.rules().days.get(_tenant(tenant), 0))

    def holds(self, tenant: str) -> list[Hold]:
        return [hold for hold in self._store.rules().holds if hold.tenant == _tenant(tenant)]

    def history(self, tenant: str) -> Sequence[Change]:
        return self._store.history(_tenant(tenant))

    def check(self, tenant: str) -> None:
        """Raises NotFound for a tenant that neither the log nor any rule knows: a typing error."""
        unknown = self._unknown(tenant)
        if unknown is not None:
            raise unknown

    def extend(self, tenant: str, days: int, *, new: bool = False) -> None:
        """Recorded, then in force for what is written from now on; what stands is lengthened by ``Applier``. ``new``
        says that the tenant is about to be created.

        Raises Unprocessable for a period that isn't longer, NotFound for an unknown tenant, InvalidInput, Unavailable.
        What is refused or fails is recorded too.
        """
        if not 1 <= days <= MAX_DAYS:
            raise InvalidInput(f"A retention period has 1 to {MAX_DAYS} days")
        held = self.days(tenant)
        refusal: PhivaultError | None = None
        if days <= held:
            refusal = Unprocessable(f"Retention can only be extended: it is {held} days")
        elif not new:
            refusal = self._unknown(tenant)
        with self._recorded(refusal, Action.AUDIT_RETENTION, tenant, resource="Retention", version=days):
            try:
                self._store.extend(tenant, days, self._at())
            except Conflict:
                raise Unprocessable("Retention can only be extended: it has become longer meanwhile") from None

    def place(self, tenant: str, case: str, patient: str = "", *, new: bool = False) -> None:
        """Hold a tenant's records, or one patient's, until the hold is lifted. Recorded as an extension is. Raises
        Conflict where it stands, NotFound for an unknown tenant."""
        hold = self._hold(tenant, case, patient)
        refusal: PhivaultError | None = None
        if self._stands(hold):
            refusal = Conflict("This hold stands already")
        elif not new:
            refusal = self._unknown(tenant)
        with self._recorded_hold(refusal, hold, PLACED):
            self._store.place(hold)

    def lift(self, tenant: str, case: str, patient: str = "") -> None:
        """Raises NotFound where no such hold stands."""
        hold = self._hold(tenant, case, patient)
        refusal = None if self._stands(hold) else NotFound("There is no such hold")
        with self._recorded_hold(refusal, hold, LIFTED):
            self._store.lift(hold, hold.since)

    def knows(self, tenant: str) -> bool:
        """Whether the log or any rule does."""
        rules = self._store.rules()
        ruled = _tenant(tenant) in rules.days or any(hold.tenant == tenant for hold in rules.holds)
        return ruled or self._knows(tenant)

    def _unknown(self, tenant: str) -> NotFound | None:
        return None if self.knows(tenant) else NotFound(f"{UNKNOWN}; of one yet to be created, say --new")

    def _stands(self, hold: Hold) -> bool:
        return any(_same(hold, one) for one in self._store.rules().holds)

    def _hold(self, tenant: str, case: str, patient: str) -> Hold:
        if not _TOKEN.fullmatch(case) or (patient and not _TOKEN.fullmatch(patient)):
            raise InvalidInput("A case and a patient are opaque ids: letters, digits and . _ : -")
        return Hold(_tenant(tenant), case, patient, self._at())

    def _recorded_hold(self, refusal: PhivaultError | None, hold: Hold, what: str) -> AbstractContextManager[None]:
        about = {"resource": "LegalHold", "resource_id": hold.case, "patient": hold.patient, "flags": (f"hold:{what}",)}
        return self._recorded(refusal, Action.AUDIT_HOLD, hold.tenant, **about)

    @contextmanager
    def _recorded(self, refusal: PhivaultError | None, action: Action, tenant: str, **about: Any) -> Iterator[None]:
        """Record what is about to be done, and again where it fails; or the refusal, which is raised."""

        def record(error: PhivaultError | None) -> None:
            event = system_event(action, tenant=tenant, error=error, user_id=self._by, role="operator", **about)
            self._recorder.append([event])

        record(refusal)
        if refusal is not None:
            raise refusal
        try:
            yield
        except PhivaultError as error:
            record(error)
            raise

    def _at(self) -> str:
        return self._clock().astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def days_for(rules: Rules, tenants: Collection[str], default: int) -> int:
    """The longest period of these tenants."""
    return max([default, *(rules.days.get(tenant, 0) for tenant in tenants)])


def is_held(rules: Rules, owners: Collection[tuple[str, str]]) -> bool:
    """Whether a hold covers any of these (tenant, patient); patient "" for lines about nobody."""
    return any(hold.covers(*owner) for hold in rules.holds for owner in owners)


def _tenant(tenant: str) -> str:
    if not _TENANT.fullmatch(tenant):
        raise InvalidInput("A tenant is named by its id")
    return tenant


def _same(one: Hold, other: Hold) -> bool:
    return (one.tenant, one.case, one.patient) == (other.tenant, other.case, other.patient)
