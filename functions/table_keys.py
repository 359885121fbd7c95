"""Rows of the functions that keep the keys of subjects."""

from __future__ import annotations

from functions.row import (
    KEYS,
    KEYS_SETTINGS,
    POSTGRES_SETTINGS,
    RECORD,
    RECORD_SETTINGS,
    Function,
    Grant,
)

KEEPING: tuple[Function, ...] = (
    Function(
        name="rotator",
        purpose="New keys for subjects, their rows sealed again under them, old keys ended",
        postgres=True,
        trigger="invoke",
        settings=(
            "profile",
            *RECORD_SETTINGS,
            *KEYS_SETTINGS,
            *POSTGRES_SETTINGS,
            "tenant_context_keys",
            "subject_key_recovery_days",
        ),
        grants=(
            *RECORD,
            *KEYS,
            Grant("postgres_host", ("rds-db:connect",), part="phivault_rotator"),
            # To retire, replace and destroy keys one by one, and to look through all.
            Grant("subject_keys_table", ("dynamodb:UpdateItem", "dynamodb:Scan")),
            Grant("subject_key_arn", ("kms:DescribeKey",)),
        ),
        timeout_seconds=300,
        memory_mb=1024,
    ),
)
