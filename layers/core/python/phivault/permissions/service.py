"""What the verbs need."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from phivault.access.decide import Decider
from phivault.access.facts import FactStore
from phivault.audit.recorder import Recorder
from phivault.crypto.subject_keys import SubjectKeys
from phivault.permissions.consents import Consents
from phivault.permissions.people import Patients, Users

if TYPE_CHECKING:  # they are told of calls, and calls of this
    from phivault.permissions.break_glass.glass import Glasses
    from phivault.permissions.care_team import CareTeams
    from phivault.permissions.grants.store import GrantStore
    from phivault.permissions.policies.state import PolicyStore
    from phivault.permissions.restriction import Restrictions


@dataclass(frozen=True, slots=True, kw_only=True)
class Permissions:
    """``now`` answers Unix seconds; ``new_id`` a random UUID."""

    recorder: Recorder
    decider: Decider
    facts: FactStore
    users: Users
    patients: Patients
    consents: Consents
    keys: SubjectKeys
    care_teams: CareTeams
    restrictions: Restrictions
    glasses: Glasses
    policies: PolicyStore
    grants: GrantStore
    now: Callable[[], float]
    new_id: Callable[[], str]
