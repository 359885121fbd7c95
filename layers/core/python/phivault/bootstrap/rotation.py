"""New keys for subjects, and rows under them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from phivault import bootstrap
from phivault.settings import settings

if TYPE_CHECKING:
    from phivault.rotation.service import Rotation


@cache
def rotation() -> Rotation:
    import time

    from phivault.adapters.dynamodb_subject_keys import DynamoDbSubjectKeys
    from phivault.adapters.kms_keys import KmsKeys
    from phivault.adapters.kms_wrapper import KmsKeyWrapper
    from phivault.adapters.postgres.bootstrap import ROTATOR
    from phivault.adapters.postgres.sealed_rows import PostgresSealedRows
    from phivault.adapters.tenant_context_key import TenantContextKey
    from phivault.rotation.service import Rotation

    former = settings().former_subject_key_arns
    return Rotation(
        keys=bootstrap.subject_keys(),
        store=DynamoDbSubjectKeys(settings().subject_keys_table),
        wrapper=KmsKeyWrapper(settings().subject_key_arn, former),
        rows=PostgresSealedRows(bootstrap.database_dsn(ROTATOR), TenantContextKey(settings().tenant_context_keys)),
        recorder=bootstrap.recorder(),
        service=KmsKeys(),
        former=former,
        cache_seconds=settings().subject_key_cache_seconds,
        recovery_days=settings().subject_key_recovery_days,
        now=time.time,
    )
