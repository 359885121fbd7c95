"""A patient's care team: who treats them, since when, by whose hand, and whether the membership names the sensitive
class.

It is changed by a clinician who is a member, and by care coordinators and privacy officers for any patient of the
tenant. Nobody puts themself in or changes their own membership, only leaves: adding oneself is how a stranger would get
in, and for a stranger in an emergency there is the broken glass. The sensitive class is given on by a member who has
it, or by a privacy officer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from phivault.access.purpose import Purpose, PurposeOfUse
from phivault.access.roles import Role
from phivault.errors import AccessDenied, NotFound
from phivault.permissions.call import OPAQUE_ID, Call
from phivault.phi.data_class import DataClass

MEMBERS: Final = frozenset({Role.CLINICIAN, Role.CARE_COORDINATOR})
"""Roles that may stand in a care team."""
_OF_ANY_PATIENT: Final = frozenset({Role.CARE_COORDINATOR, Role.PRIVACY_OFFICER})
_WHY: Final = (PurposeOfUse.TREATMENT, PurposeOfUse.EMERGENCY)


@dataclass(frozen=True, slots=True)
class Membership:
    """``role`` is the user's when they joined or were last changed, ``since`` RFC 3339, ``by`` who put them there."""

    user_id: str
    role: Role
    since: str
    by: str
    sensitive: bool

    def shown(self) -> dict[str, Any]:
        return {
            "user_id": self.user_id,
            "role": self.role.value,
            "since": self.since,
            "by": self.by,
            "sensitive": self.sensitive,
        }


class CareTeams(Protocol):
    """Obligations: reads see every earlier write, and so does the next decision of FactStore. Each write is atomic and
    durable once it returns. Unavailable when the store doesn't answer."""

    def members(self, tenant: str, patient: str) -> Sequence[Membership]:
        """By user id."""

    def member(self, tenant: str, patient: str, user_id: str) -> Membership | None: ...

    def put(self, tenant: str, patient: str, membership: Membership) -> None:
        """Add the member, or change the one who stands."""

    def remove(self, tenant: str, patient: str, user_id: str) -> None:
        """NotFound where they are no member."""


def about(patient: str, user_id: str = "", *, sensitive: bool = False) -> dict[str, Any]:
    """What an event about a care team holds. An id that isn't shaped as ours is the caller's own text: left out."""
    flags = (f"for:{user_id}",) if OPAQUE_ID.fullmatch(user_id) else ()
    return {"resource": "CareTeam", "patient": patient, "flags": (*flags, "sensitive") if sensitive else flags}


def require_sight(call: Call, patient: str) -> None:
    """Raises NotFound, as for a patient who doesn't exist, unless the caller may know who cares for this one."""
    call.patient(patient)
    if call.principal.role is Role.PATIENT:
        if call.principal.patient_id != patient:
            raise NotFound("There is no such patient")
    elif not _keeps(call, patient) and not _sees(call, patient):
        raise NotFound("There is no such patient")


def require_keeper(call: Call, patient: str) -> None:
    """Raises AccessDenied for who may see the patient and still not change the team, NotFound for other strangers."""
    call.patient(patient)
    if _keeps(call, patient):
        return
    if _sees(call, patient):
        raise AccessDenied("A care team is changed by its members")
    raise NotFound("There is no such patient")


def require_sensitive(call: Call, patient: str) -> None:
    """Raises AccessDenied unless the caller may give the sensitive class to others."""
    own = call.permissions.care_teams.member(call.tenant, patient, call.principal.user_id)
    if call.principal.role is not Role.PRIVACY_OFFICER and not (own and own.sensitive):
        raise AccessDenied("Only a member who has the sensitive class, or a privacy officer, gives it")


def _keeps(call: Call, patient: str) -> bool:
    if call.principal.role in _OF_ANY_PATIENT:
        return True
    return call.permissions.care_teams.member(call.tenant, patient, call.principal.user_id) is not None


def _sees(call: Call, patient: str) -> bool:
    """Whether the caller may see anything of the patient as somebody other than a member."""
    for of_use in _WHY:
        purpose = Purpose(of_use, asserted=True)
        facts = call.permissions.facts.load(call.principal, purpose, [patient])[patient]
        if call.permissions.decider.granted(call.principal, purpose, "read", "Patient", facts, DataClass):
            return True
    return False
