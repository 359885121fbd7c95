"""A FactStore in memory that keeps the contract and can be out of reach."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace

from phivault.access.facts import PatientFacts
from phivault.access.principal import Principal
from phivault.access.purpose import Purpose, PurposeOfUse
from phivault.access.roles import Role
from phivault.errors import Unavailable


@dataclass(frozen=True, slots=True)
class Given:
    """What a grant or, where ``delegated``, a delegation gives. Times are Unix seconds; without ``purposes`` it holds
    for all."""

    classes: frozenset[str]
    purposes: frozenset[str] = frozenset()
    starts: float = 0
    until: float = float("inf")
    delegated: bool = False


class MemoryFacts:
    """``down`` makes every call raise Unavailable; ``loads`` counts calls of ``load``.

    ``members`` are those of care teams with the sensitive class, ``plain_members`` those without it; ``given`` grants
    and delegations; ``glass`` until when a glass is broken and ``reviews`` when reviews are due; ``restrictions`` the
    purposes, none meaning all, for which a patient's record rests. ``standing`` is whatever else a test says of
    (tenant, patient, user): facts that hold for every purpose, but ``emergency``, which holds for EMERGENCY alone.
    ``approvals`` are (tenant, user) -> projects, ``approved_for`` the same with (project, starts, until).
    """

    def __init__(self, now: Callable[[], float] = lambda: 0) -> None:
        self._now = now
        self.members: dict[tuple[str, str, str], Role] = {}
        self.plain_members: set[tuple[str, str, str]] = set()
        self.standing: dict[tuple[str, str, str], PatientFacts] = {}
        self.given: dict[tuple[str, str, str], list[Given]] = {}
        self.glass: dict[tuple[str, str, str], float] = {}
        self.reviews: dict[tuple[str, str], list[float]] = {}
        self.restrictions: dict[tuple[str, str], frozenset[str]] = {}
        self.approvals: dict[tuple[str, str], frozenset[str]] = {}
        self.approved_for: dict[tuple[str, str], list[tuple[str, float, float]]] = {}
        self.once: set[tuple[str, str, str]] = set()
        self.down = False
        self.loads = 0

    def load(self, principal: Principal, purpose: Purpose, patients: Collection[str]) -> dict[str, PatientFacts]:
        self._answer()
        self.loads += 1
        return {patient: self._facts(principal, purpose, patient) for patient in patients}

    def approved(self, principal: Principal, project: str) -> bool:
        return project in self.projects(principal)

    def projects(self, principal: Principal) -> frozenset[str]:
        self._answer()
        who, now = (principal.tenant, principal.user_id), self._now()
        timed = {project for project, starts, until in self.approved_for.get(who, ()) if starts <= now < until}
        return self.approvals.get(who, frozenset()) | timed

    def patients_of(self, principal: Principal) -> frozenset[str]:
        self._answer()
        held = [*self.members, *self.plain_members, *self.standing, *self.given, *self.glass, *self.once]
        return frozenset(p for tenant, p, user in held if (tenant, user) == (principal.tenant, principal.user_id))

    def join_care_team(self, tenant: str, patient: str, user_id: str, role: Role) -> None:
        self._answer()
        if (tenant, patient, user_id) not in self.plain_members:
            self.members.setdefault((tenant, patient, user_id), role)

    def leave(self, tenant: str, patient: str, user_id: str) -> None:
        """End every relation; that there was one stays known."""
        place = tenant, patient, user_id
        for held in (self.members, self.standing, self.given, self.glass):
            held.pop(place, None)
        self.plain_members.discard(place)
        self.once.add(place)

    def _facts(self, principal: Principal, purpose: Purpose, patient: str) -> PatientFacts:
        place = (principal.tenant, patient, principal.user_id)
        facts = self.standing.get(place, PatientFacts(patient, principal.tenant))
        if place in self.plain_members:
            facts = replace(facts, in_care_team=True)
        if place in self.members:
            facts = replace(facts, in_care_team=True, team_sees_sensitive=True)
        held = [given for given in self.given.get(place, ()) if self._holds(given, purpose)]
        resting = self.restrictions.get((principal.tenant, patient))
        return replace(
            facts,
            delegated=facts.delegated.union(_classes(each for each in held if each.delegated)),
            granted=facts.granted.union(_classes(each for each in held if not each.delegated)),
            emergency=purpose.of_use is PurposeOfUse.EMERGENCY and (facts.emergency or self._broken(place)),
            restricted=facts.restricted or (resting is not None and (not resting or purpose.of_use in resting)),
        )

    def _holds(self, given: Given, purpose: Purpose) -> bool:
        in_time = given.starts <= self._now() < given.until
        return in_time and (not given.purposes or purpose.of_use in given.purposes)

    def _broken(self, place: tuple[str, str, str]) -> bool:
        tenant, _, user = place
        overdue = any(due <= self._now() for due in self.reviews.get((tenant, user), ()))
        return self._now() < self.glass.get(place, 0) and not overdue

    def _answer(self) -> None:
        if self.down:
            raise Unavailable("Facts are out of reach")


def _classes(given: Iterable[Given]) -> frozenset[str]:
    return frozenset(name for each in given for name in each.classes)
