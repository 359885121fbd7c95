"""The one place that chooses adapters and puts the application together, each part once per process.

Nothing is built before the first request needs it: keys must not be loaded while a snapshot could be taken, and a
function that never touches the database must not pay for its driver.

Parts ask each other for what they need by this package, where a test may put another in its place.
"""

from __future__ import annotations

from phivault.bootstrap.common import (
    audit_index,
    decider,
    locked_objects,
    recorder,
    retention,
    retention_applier,
    subject_keys,
    tenant_policies,
)
from phivault.bootstrap.log import (
    event_objects,
    exporter,
    exports,
    log_key,
    log_reader,
    log_signer,
    log_store,
    reconcile,
    sealer,
    witness,
    witness_stand,
)
from phivault.bootstrap.people import (
    directory,
    factor_rows,
    identity,
    limits,
    messenger,
    sessions,
    sign_up_rows,
    tenant_rules,
)
from phivault.bootstrap.permissions import facts, glasses, permissions, tell_overdue
from phivault.bootstrap.records import consents, database_dsn, postgres, prepare_database, records
from phivault.bootstrap.rotation import rotation

__all__ = [
    "audit_index",
    "consents",
    "database_dsn",
    "decider",
    "directory",
    "event_objects",
    "exporter",
    "exports",
    "factor_rows",
    "facts",
    "glasses",
    "identity",
    "limits",
    "locked_objects",
    "log_key",
    "log_reader",
    "log_signer",
    "log_store",
    "messenger",
    "permissions",
    "postgres",
    "prepare_database",
    "reconcile",
    "recorder",
    "records",
    "retention",
    "retention_applier",
    "rotation",
    "sealer",
    "sessions",
    "sign_up_rows",
    "subject_keys",
    "tell_overdue",
    "tenant_policies",
    "tenant_rules",
    "witness",
    "witness_stand",
]
