"""A FactStore in memory that keeps the contract and can be out of reach."""

from __future__ import annotations

from collections.abc import Collection

from phivault.access.facts import PatientFacts
from phivault.access.principal import Principal
from phivault.access.roles import Role
from phivault.errors import Unavailable


class MemoryFacts:
    """``down`` makes every call raise Unavailable; ``loads`` counts calls of ``load``."""

    def __init__(self) -> None:
        self.members: dict[tuple[str, str, str], Role] = {}
        self.down = False
        self.loads = 0

    def load(self, principal: Principal, patients: Collection[str]) -> dict[str, PatientFacts]:
        self._answer()
        self.loads += 1
        return {patient: self._facts(principal, patient) for patient in patients}

    def join_care_team(self, tenant: str, patient: str, user_id: str, role: Role) -> None:
        self._answer()
        self.members.setdefault((tenant, patient, user_id), role)

    def _facts(self, principal: Principal, patient: str) -> PatientFacts:
        member = (principal.tenant, patient, principal.user_id) in self.members
        return PatientFacts(patient, principal.tenant, in_care_team=member)

    def _answer(self) -> None:
        if self.down:
            raise Unavailable("Facts are out of reach")
