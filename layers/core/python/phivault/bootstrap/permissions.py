"""Who may see what, and how that changes."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from phivault import bootstrap
from phivault.settings import settings

if TYPE_CHECKING:
    from phivault.adapters.dynamodb_break_glass import DynamoGlasses
    from phivault.adapters.dynamodb_facts import DynamoFacts
    from phivault.permissions.people import Member
    from phivault.permissions.service import Permissions


@cache
def facts() -> DynamoFacts:
    from phivault.adapters.dynamodb_facts import DynamoFacts

    return DynamoFacts(settings().access_state_table)


class _Users:
    """Fills Users of phivault.permissions from the directory."""

    def active(self, tenant: str, user_id: str) -> Member | None:
        from phivault.identity.directory import Status
        from phivault.permissions.people import Member

        user = bootstrap.directory().user(tenant, user_id)
        if user is None or user.status is not Status.ACTIVE:
            return None
        return Member(user.user_id, user.role, user.patient_id)


class _Patients:
    """Fills Patients of phivault.permissions from the records."""

    def exists(self, tenant: str, patient: str) -> bool:
        found = bootstrap.postgres().read(tenant, "Patient", patient)
        return found is not None and found.envelope is not None


@cache
def permissions() -> Permissions:
    import time
    from uuid import uuid4

    from phivault.adapters.dynamodb_care_teams import DynamoCareTeams
    from phivault.adapters.dynamodb_grants import DynamoGrants
    from phivault.adapters.dynamodb_restrictions import DynamoRestrictions
    from phivault.permissions.service import Permissions

    return Permissions(
        recorder=bootstrap.recorder(),
        decider=bootstrap.decider(),
        facts=facts(),
        users=_Users(),
        patients=_Patients(),
        consents=bootstrap.consents(),
        keys=bootstrap.subject_keys(),
        care_teams=DynamoCareTeams(settings().access_state_table),
        restrictions=DynamoRestrictions(settings().access_state_table),
        glasses=glasses(),
        policies=bootstrap.tenant_policies(),
        grants=DynamoGrants(settings().access_state_table),
        now=time.time,
        new_id=lambda: str(uuid4()),
    )


@cache
def glasses() -> DynamoGlasses:
    from phivault.adapters.dynamodb_break_glass import DynamoGlasses

    return DynamoGlasses(settings().access_state_table)


def tell_overdue() -> int:
    """Say of every overdue review that it is. How many."""
    import time

    from phivault.permissions.break_glass.tell_overdue import tell_overdue

    return tell_overdue(glasses(), bootstrap.recorder(), time.time())
