"""What every function stands on: the recorder, keys, decisions, retention."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from phivault.audit.event import Action
from phivault.audit.recorder import Recorder
from phivault.crypto.subject_keys import SubjectKeys
from phivault.settings import settings

if TYPE_CHECKING:
    from phivault.access.decide import Decider
    from phivault.adapters.dynamodb_audit_index import DynamoDbAuditIndex
    from phivault.adapters.dynamodb_tenant_policies import DynamoTenantPolicies
    from phivault.adapters.s3_retention import S3Retention
    from phivault.audit.retain import Applier
    from phivault.audit.retention import Retention


@cache
def recorder() -> Recorder:
    from phivault.adapters.last_checkpoint import LastCheckpoint
    from phivault.adapters.s3_events import S3Events

    events = S3Events(
        settings().audit_bucket,
        lock_mode=settings().audit_lock_mode,
        retention_days=settings().audit_retention_days,
    )
    return Recorder(
        events,
        audit_index(),
        deadline_seconds=settings().audit_deadline_seconds,
        last_checkpoint=LastCheckpoint(settings().audit_head_bucket),
    )


@cache
def audit_index() -> DynamoDbAuditIndex:
    from phivault.adapters.dynamodb_audit_index import DynamoDbAuditIndex

    return DynamoDbAuditIndex(settings().audit_index_table)


def retention(by: str) -> Retention:
    """``by`` is the operator's id."""
    from phivault.adapters.dynamodb_retention import DynamoRetention
    from phivault.audit.retention import Retention

    rules = DynamoRetention(settings().access_state_table)
    days = settings().audit_retention_days
    return Retention(
        rules, recorder(), default_days=days, by=by, knows=lambda tenant: retention_applier().knows(tenant)
    )


@cache
def retention_applier() -> Applier:
    from phivault.adapters.dynamodb_retention import DynamoRetention
    from phivault.audit.retain import Applier

    rules = DynamoRetention(settings().access_state_table)
    return Applier(rules, locked_objects(), default_days=settings().audit_retention_days)


@cache
def locked_objects() -> S3Retention:
    from phivault.adapters.s3_retention import S3Retention

    return S3Retention(settings().audit_bucket, lock_mode=settings().audit_lock_mode)


@cache
def subject_keys() -> SubjectKeys:
    from phivault.adapters.dynamodb_subject_keys import DynamoDbSubjectKeys
    from phivault.adapters.kms_wrapper import KmsKeyWrapper

    return SubjectKeys(
        DynamoDbSubjectKeys(settings().subject_keys_table),
        KmsKeyWrapper(settings().subject_key_arn, settings().former_subject_key_arns),
        cache_seconds=settings().subject_key_cache_seconds,
        on_create=_record_keys,
    )


def _record_keys(names: Sequence[tuple[str, str, int]]) -> None:
    from phivault.audit.system import key_event

    recorder().append([key_event(Action.KEY_CREATE, *name) for name in names])


@cache
def decider() -> Decider:
    from phivault.access.decide import Decider

    return Decider(tenants=tenant_policies())


@cache
def tenant_policies() -> DynamoTenantPolicies:
    from phivault.adapters.dynamodb_tenant_policies import DynamoTenantPolicies

    return DynamoTenantPolicies(settings().access_state_table)
