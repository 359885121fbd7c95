"""What policies know about a patient and this principal, and the port that tells it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from phivault.access.principal import Principal
from phivault.access.purpose import Purpose
from phivault.access.roles import Role

_NONE: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ConsentFacts:
    """What a patient's consents in force say to one principal, for one purpose. Each set holds data classes.

    ``permits`` are released to this very person, whatever else they stand in; ``denies`` are withheld from them, which
    no permission overrides. ``sensitive`` lets whoever may see the patient's data anyway see the sensitive class too.
    """

    permits: frozenset[str] = _NONE
    denies: frozenset[str] = _NONE
    sensitive: bool = False


@dataclass(frozen=True, slots=True)
class PatientFacts:
    """One patient as one principal stands to them, for one purpose, now. Each set holds data classes.

    ``id`` is the bare FHIR id, ``tenant`` the tenant whose patient this is. ``in_care_team`` is the principal's
    membership, ``team_sees_sensitive`` that it names the sensitive class. ``delegated`` is what they may see as parent,
    guardian or carer, ``granted`` by grants to them. ``emergency``: the purpose is EMERGENCY, they broke the glass for
    this patient, it lasts, and none of their reviews is overdue. ``restricted``: processing is restricted for this
    purpose (Regulation (EU) 2016/679, article 18; 45 CFR 164.522(a)). ``is_new`` says that the patient doesn't exist
    before this request: no one can stand in a relation to them yet.
    """

    id: str
    tenant: str
    in_care_team: bool = False
    team_sees_sensitive: bool = False
    delegated: frozenset[str] = _NONE
    granted: frozenset[str] = _NONE
    emergency: bool = False
    restricted: bool = False
    consent: ConsentFacts = ConsentFacts()
    is_new: bool = False

    def called(self, id: str) -> PatientFacts:
        """The same facts under another id."""
        return PatientFacts(
            id,
            self.tenant,
            self.in_care_team,
            self.team_sees_sensitive,
            self.delegated,
            self.granted,
            self.emergency,
            self.restricted,
            self.consent,
            self.is_new,
        )


class FactStore(Protocol):
    """Where care teams, grants, restrictions and broken glass are kept. Raises Unavailable when the facts can't be read
    or written; never guesses."""

    def load(self, principal: Principal, purpose: Purpose, patients: Collection[str]) -> dict[str, PatientFacts]:
        """The facts about each of ``patients`` (bare ids of the principal's tenant), none left out.

        Obligations: one round trip for up to 49 patients; what was written before the call is seen; what isn't on
        record, has not begun or is over is False or empty. Whether a patient exists is not looked up, so ``is_new`` is
        never set; neither is ``consent``, which stands with the records.
        """

    def approved(self, principal: Principal, project: str) -> bool:
        """Whether the principal works for this research project, by an approval that lasts."""

    def projects(self, principal: Principal) -> frozenset[str]:
        """Every project for which that holds."""

    def patients_of(self, principal: Principal) -> frozenset[str]:
        """Every patient to whom the principal stands in a relation that ``load`` tells, or once stood."""

    def join_care_team(self, tenant: str, patient: str, user_id: str, role: Role) -> None:
        """Make the user a member of the care team of the patient whom they create, durably once it returns; with the
        sensitive class, since they are who wrote it. Joining again changes nothing."""
