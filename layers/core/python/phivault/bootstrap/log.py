"""The audit log: sealing, witness, exports, reconciliation."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from phivault import bootstrap
from phivault.settings import settings

if TYPE_CHECKING:
    from phivault.adapters.kms_signer import KmsSigner
    from phivault.adapters.lambda_witness import LambdaWitness
    from phivault.adapters.s3_exports import S3Exports
    from phivault.adapters.s3_log import S3Log
    from phivault.audit.event import AuditEvent
    from phivault.audit.export.build import Authority
    from phivault.audit.export.job import Exporter
    from phivault.audit.log.note import VerifierKey
    from phivault.audit.log.store import EventObjects, LogReader
    from phivault.audit.reconcile.run import Outcome
    from phivault.audit.reconcile.window import Window
    from phivault.audit.seal.sealer import Sealer
    from phivault.audit.witness import WitnessStand


SEALER_SECONDS = 300
"""As long as the function table lets the sealer run."""


@cache
def log_store() -> S3Log:
    """The Merkle log and the objects under it, read and written."""
    from phivault.adapters.s3_log import S3Log

    return S3Log(
        settings().audit_bucket,
        settings().audit_head_bucket,
        lock_mode=settings().audit_lock_mode,
        retention_days=settings().audit_retention_days,
    )


def log_reader() -> LogReader:
    return log_store()


def event_objects() -> EventObjects:
    return log_store()


@cache
def sealer() -> Sealer:
    from phivault.adapters.s3_retained_log import S3RetainedLog
    from phivault.audit.retain import RetainedRows
    from phivault.audit.seal.sealer import Sealer

    storage = S3RetainedLog(
        settings().audit_bucket,
        settings().audit_head_bucket,
        bootstrap.retention_applier(),
        lock_mode=settings().audit_lock_mode,
        retention_days=settings().audit_retention_days,
    )
    return Sealer(
        storage,
        log_signer(),
        witness(),
        RetainedRows(bootstrap.audit_index(), bootstrap.retention_applier()),
        origin=settings().log_origin,
        witness_key=witness().key,
    )


def reconcile(window: Window) -> Outcome:
    from phivault.adapters.gateway_log import CloudWatchGatewayLog
    from phivault.adapters.s3_trail import S3Trail
    from phivault.audit.reconcile.run import run
    from phivault.audit.reconcile.sealed import SealedLog

    return run(
        window,
        S3Trail(settings().trail_bucket),
        CloudWatchGatewayLog(settings().gateway_log_group),
        lambda: SealedLog.newest(log_reader(), settings().witness_name),
        bootstrap.recorder().append,
        roles={arn: function for function, arn in settings().function_roles.items()},
    )


@cache
def log_signer() -> KmsSigner:
    from phivault.adapters.kms_signer import KmsSigner

    return KmsSigner(settings().log_key_arn)


@cache
def log_key() -> VerifierKey:
    """The log's verifier key: the pinned one, or without it what KMS says of the log's key."""
    from phivault.audit.log.note import ED25519, VerifierKey

    if settings().log_vkey:
        return VerifierKey.parse(settings().log_vkey)
    return VerifierKey(settings().log_origin, ED25519, log_signer().public_key)


@cache
def witness() -> LambdaWitness:
    """The witness as the log asks it."""
    from phivault.adapters.lambda_witness import LambdaWitness

    return LambdaWitness(settings().witness_function)


@cache
def witness_stand() -> WitnessStand:
    """The witness itself."""
    from phivault.adapters.kms_signer import KmsSigner
    from phivault.adapters.s3_witness import S3Sightings
    from phivault.audit.witness import WitnessStand

    sightings = S3Sightings(
        settings().witness_bucket,
        lock_mode=settings().audit_lock_mode,
        retention_days=settings().audit_retention_days,
    )
    return WitnessStand(sightings, KmsSigner(settings().witness_key_arn), settings().witness_name, [log_key()])


@cache
def exports() -> S3Exports:
    from phivault.adapters.s3_exports import S3Exports

    return S3Exports(
        settings().audit_exports_bucket,
        lock_mode=settings().audit_lock_mode,
        retention_days=settings().export_retention_days,
    )


@cache
def exporter() -> Exporter:
    """Makes exports. It seals first, so that nothing recorded before is left out."""
    from functools import partial

    from phivault.adapters.lambda_invoke import invoke
    from phivault.audit.export.job import Exporter

    return Exporter(
        log=log_store(),
        objects=log_store(),
        jobs=exports(),
        folder=exports().folder,
        authority=_authority,
        seal=partial(invoke, settings().sealer_function, {}, wait_seconds=SEALER_SECONDS),
        record=bootstrap.recorder().append,
        opener=_opened,
    )


@cache
def _authority() -> Authority:
    from phivault.audit.export.build import Authority

    account = settings().log_key_arn.split(":")[4]
    return Authority(
        signer=log_signer(),
        log_key=log_key(),
        witness_key=witness().key(),
        log_account=account,
        witness_account=settings().witness_account or account,
    )


def _opened(event: AuditEvent) -> dict[str, str]:
    import base64

    from phivault.access.principal import Personal
    from phivault.identity.personal import unseal

    sealed = base64.b64decode(event.personal)
    return unseal(bootstrap.subject_keys(), event.tenant, Personal(event.personal_subject, event.personal_ref, sealed))
