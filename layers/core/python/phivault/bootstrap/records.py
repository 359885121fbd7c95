"""Resources and their database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING

from phivault import bootstrap
from phivault.settings import settings

if TYPE_CHECKING:
    from phivault.adapters.dynamodb_anchors import DynamoAnchors
    from phivault.adapters.postgres import PostgresStore
    from phivault.records.service import Records
    from phivault.records.stored_consents import StoredConsents


def _utc() -> datetime:
    return datetime.now(UTC)


@cache
def postgres() -> PostgresStore:
    from phivault.adapters.postgres import PostgresStore
    from phivault.adapters.postgres.bootstrap import APP
    from phivault.adapters.tenant_context_key import TenantContextKey

    return PostgresStore(database_dsn(APP), TenantContextKey(settings().tenant_context_keys))


def database_dsn(role: str) -> str | Callable[[], str]:
    """To sign in as this role. On the laptop the environment has it, for the role of the function's row. A password
    exists there alone: elsewhere one in the environment isn't even looked at."""
    if settings().profile == "local":
        return settings().postgres_dsn.get_secret_value()
    from phivault.adapters.postgres.bootstrap import DATABASE
    from phivault.adapters.rds_token import token_dsn

    return token_dsn(settings().postgres_host, role, DATABASE)


def prepare_database(key_ids: Sequence[str]) -> dict[str, str]:
    """Bring the database to this release: roles, migrations, the keys of the tenant context.

    The wrapped keys, as functions take them. On the laptop and the emulator roles and database exist already.
    """
    from phivault.adapters.postgres.bootstrap import DATABASE, OWNER, bootstrap
    from phivault.adapters.postgres.keys import ensure_context_keys
    from phivault.adapters.postgres.migrate import migrate
    from phivault.adapters.tenant_context_key import wrap

    if settings().profile == "local":
        owner = settings().postgres_dsn.get_secret_value()
    else:
        from phivault.adapters.rds_master import master_dsn
        from phivault.adapters.rds_token import token_dsn

        bootstrap(master_dsn(settings().postgres_host, settings().postgres_secret_arn), {})
        owner = token_dsn(settings().postgres_host, OWNER, DATABASE)()
    migrate(owner)
    keys = ensure_context_keys(owner, key_ids)
    return {key_id: wrap(settings().subject_key_arn, key) for key_id, key in keys.items()}


@cache
def _anchors() -> DynamoAnchors:
    from phivault.adapters.dynamodb_anchors import DynamoAnchors

    return DynamoAnchors(settings().access_state_table)


@cache
def consents() -> StoredConsents:
    from phivault.records.stored_consents import StoredConsents

    return StoredConsents(postgres(), _anchors(), bootstrap.subject_keys(), _utc)


@cache
def records() -> Records:
    from uuid import uuid4

    from phivault.records.service import Records

    return Records(
        store=postgres(),
        anchors=_anchors(),
        keys=bootstrap.subject_keys(),
        recorder=bootstrap.recorder(),
        facts=bootstrap.facts(),
        consents=consents(),
        decider=bootstrap.decider(),
        now=_utc,
        new_id=lambda: str(uuid4()),  # random: the time in a version 7 would date a de-identified record
    )
