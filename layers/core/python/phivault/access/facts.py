"""What policies know about a patient and this principal, and the port that tells it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from phivault.access.principal import Principal
from phivault.access.roles import Role


@dataclass(frozen=True, slots=True)
class PatientFacts:
    """One patient as one principal stands to them.

    ``id`` is the bare FHIR id, ``tenant`` the tenant whose patient this is. ``in_care_team`` is about the principal
    that the facts were loaded for. ``is_new`` says that the patient doesn't exist before this request: no one can
    stand in a relation to them yet.
    """

    id: str
    tenant: str
    in_care_team: bool = False
    is_new: bool = False


class FactStore(Protocol):
    """Where care teams are kept. Raises Unavailable when the facts can't be read or written; never guesses."""

    def load(self, principal: Principal, patients: Collection[str]) -> dict[str, PatientFacts]:
        """The facts about each of ``patients`` (bare ids of the principal's tenant), none left out.

        Obligations: one round trip for up to 100 patients; a membership written before the call is seen; what
        isn't on record is False. Whether a patient exists is not looked up, so ``is_new`` is never set.
        """

    def join_care_team(self, tenant: str, patient: str, user_id: str, role: Role) -> None:
        """Make the user a member of the patient's care team, durably once it returns. Joining again changes nothing."""
