"""The one place that chooses adapters and puts the application together, each part once per process.

Nothing is built before the first request needs it: keys must not be loaded while a snapshot could be taken, and a
function that never touches the database must not pay for its driver.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING

from phivault.audit.event import Action
from phivault.audit.recorder import Recorder
from phivault.crypto.subject_keys import SubjectKeys
from phivault.settings import settings

if TYPE_CHECKING:
    from phivault.access.decide import Decider
    from phivault.adapters.dynamodb_audit_index import DynamoDbAuditIndex
    from phivault.adapters.dynamodb_directory import DynamoDirectory
    from phivault.adapters.dynamodb_factors import DynamoFactors
    from phivault.adapters.dynamodb_sessions import DynamoSessions
    from phivault.adapters.dynamodb_sign_ups import DynamoSignUps
    from phivault.adapters.dynamodb_tenant_rules import DynamoTenantRules
    from phivault.adapters.dynamodb_throttle import DynamoThrottle
    from phivault.adapters.kms_signer import KmsSigner
    from phivault.adapters.lambda_witness import LambdaWitness
    from phivault.adapters.messenger import AwsMessenger
    from phivault.adapters.postgres import PostgresStore
    from phivault.adapters.s3_exports import S3Exports
    from phivault.adapters.s3_log import S3Log
    from phivault.adapters.s3_retention import S3Retention
    from phivault.audit.event import AuditEvent
    from phivault.audit.export.build import Authority
    from phivault.audit.export.job import Exporter
    from phivault.audit.log.note import VerifierKey
    from phivault.audit.log.store import EventObjects, LogReader
    from phivault.audit.reconcile.run import Outcome
    from phivault.audit.reconcile.window import Window
    from phivault.audit.retain import Applier
    from phivault.audit.retention import Retention
    from phivault.audit.seal.sealer import Sealer
    from phivault.audit.witness import WitnessStand
    from phivault.identity.limits import Limits
    from phivault.identity.service import Identity
    from phivault.identity.session import Sessions
    from phivault.records.service import Records


SEALER_SECONDS = 300
"""As long as the function table lets the sealer run."""


def _utc() -> datetime:
    return datetime.now(UTC)


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
        KmsKeyWrapper(settings().subject_key_arn),
        cache_seconds=settings().subject_key_cache_seconds,
        on_create=_record_key,
    )


def _record_key(tenant: str, subject: str, version: int) -> None:
    from phivault.audit.system import key_event

    recorder().append([key_event(Action.KEY_CREATE, tenant, subject, version)])


@cache
def decider() -> Decider:
    from phivault.access.decide import Decider

    return Decider()


@cache
def _session_rows() -> DynamoSessions:
    from phivault.adapters.dynamodb_sessions import DynamoSessions

    return DynamoSessions(settings().access_state_table)


@cache
def tenant_rules() -> DynamoTenantRules:
    from phivault.adapters.dynamodb_tenant_rules import DynamoTenantRules

    return DynamoTenantRules(settings().access_state_table)


@cache
def sessions() -> Sessions:
    from phivault.identity.claims import TokenRules
    from phivault.identity.session import Sessions

    rules = TokenRules(issuer=settings().token_issuer, client_id=settings().client_id)
    return Sessions(_session_rows(), recorder(), subject_keys(), rules, tenants=tenant_rules())


@cache
def directory() -> DynamoDirectory:
    from phivault.adapters.dynamodb_directory import DynamoDirectory

    return DynamoDirectory(settings().access_state_table)


@cache
def messenger() -> AwsMessenger:
    from phivault.adapters.messenger import AwsMessenger

    return AwsMessenger(settings().email_sender, settings().sms_origination_arn)


@cache
def factor_rows() -> DynamoFactors:
    from phivault.adapters.dynamodb_factors import DynamoFactors

    return DynamoFactors(settings().access_state_table)


@cache
def _throttle_rows() -> DynamoThrottle:
    from phivault.adapters.dynamodb_throttle import DynamoThrottle

    return DynamoThrottle(settings().access_state_table)


@cache
def limits() -> Limits:
    import time

    from phivault.identity.limits import Limits

    return Limits(_throttle_rows(), subject_keys(), time.time)


@cache
def identity() -> Identity:
    import time

    from phivault.adapters.cognito import Cognito
    from phivault.adapters.cognito_factors import CognitoFactors
    from phivault.adapters.cognito_passwords import CognitoPasswords
    from phivault.adapters.cognito_sign_ups import CognitoSignUps
    from phivault.adapters.cognito_users import CognitoUsers
    from phivault.adapters.dynamodb_mfa_reset import DynamoMfaResets
    from phivault.identity.lockout import Lockout
    from phivault.identity.pending import PendingSignIns
    from phivault.identity.service import Identity

    return Identity(
        provider=Cognito(settings().user_pool_id, settings().client_id),
        sessions=sessions(),
        rules=tenant_rules(),
        pending=PendingSignIns(_session_rows()),
        lockout=Lockout(_throttle_rows(), limits(), subject_keys(), time.time),
        limits=limits(),
        recorder=recorder(),
        directory=directory(),
        user_admin=CognitoUsers(settings().user_pool_id),
        mfa_resets=DynamoMfaResets(settings().access_state_table),
        keys=subject_keys(),
        factors=factor_rows(),
        enrolments=factor_rows(),
        factor_provider=CognitoFactors(settings().user_pool_id, settings().client_id),
        messenger=messenger(),
        accounts=CognitoSignUps(settings().user_pool_id),
        sign_ups=sign_up_rows(),
        invitations=sign_up_rows(),
        password_provider=CognitoPasswords(settings().user_pool_id, settings().client_id),
    )


@cache
def sign_up_rows() -> DynamoSignUps:
    from phivault.adapters.dynamodb_sign_ups import DynamoSignUps

    return DynamoSignUps(settings().access_state_table)


@cache
def postgres() -> PostgresStore:
    from phivault.adapters.postgres import PostgresStore
    from phivault.adapters.tenant_context_key import TenantContextKey

    return PostgresStore(_application_dsn(), TenantContextKey(settings().tenant_context_keys))


def _application_dsn() -> str | Callable[[], str]:
    """A password exists on the laptop alone: elsewhere one in the environment isn't even looked at."""
    if settings().profile == "local":
        return settings().postgres_dsn.get_secret_value()
    from phivault.adapters.postgres.bootstrap import APP, DATABASE
    from phivault.adapters.rds_token import token_dsn

    return token_dsn(settings().postgres_host, APP, DATABASE)


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
def records() -> Records:
    from uuid import uuid4

    from phivault.adapters.dynamodb_facts import DynamoFacts
    from phivault.records.service import Records

    return Records(
        store=postgres(),
        keys=subject_keys(),
        recorder=recorder(),
        facts=DynamoFacts(settings().access_state_table),
        decider=decider(),
        now=_utc,
        new_id=lambda: str(uuid4()),  # random: the time in a version 7 would date a de-identified record
    )


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
        retention_applier(),
        lock_mode=settings().audit_lock_mode,
        retention_days=settings().audit_retention_days,
    )
    return Sealer(
        storage,
        log_signer(),
        witness(),
        RetainedRows(audit_index(), retention_applier()),
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
        recorder().append,
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
        record=recorder().append,
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
    return unseal(subject_keys(), event.tenant, Personal(event.personal_subject, event.personal_ref, sealed))
