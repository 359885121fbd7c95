"""The typed environment of every function. A missing or malformed variable stops the function at its start."""

from __future__ import annotations

from functools import cache
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Read from variables named ``PHIVAULT_`` plus the field's name. A function's row of the function table
    says which services it may reach; what it may not reach isn't in its environment."""

    model_config = SettingsConfigDict(env_prefix="PHIVAULT_", frozen=True, extra="ignore", hide_input_in_errors=True)

    profile: Literal["local", "dev", "production"]
    audit_bucket: str = ""
    audit_index_table: str = ""
    audit_lock_mode: Literal["GOVERNANCE", "COMPLIANCE"] = "COMPLIANCE"
    audit_retention_days: int = Field(default=2192, ge=1)
    audit_deadline_seconds: float = Field(default=3.0, gt=0)
    audit_head_bucket: str = ""
    audit_exports_bucket: str = ""
    export_retention_days: int = Field(default=365, ge=1)
    log_origin: str = ""
    log_key_arn: str = ""
    log_vkey: str = ""
    witness_function: str = ""
    witness_name: str = ""
    witness_account: str = ""
    witness_bucket: str = ""
    witness_key_arn: str = ""
    sealer_function: str = ""
    exporter_function: str = ""
    rotator_function: str = ""
    trail_bucket: str = ""
    gateway_log_group: str = ""
    function_roles: dict[str, str] = Field(default_factory=dict)
    access_state_table: str = ""
    subject_keys_table: str = ""
    subject_key_arn: str = ""
    former_subject_key_arns: tuple[str, ...] = ()
    subject_key_recovery_days: int = Field(default=35, ge=1)
    subject_key_cache_seconds: int = Field(default=300, ge=0, le=300)
    tenant_context_keys: dict[str, str] = Field(default_factory=dict, repr=False)
    postgres_dsn: SecretStr = SecretStr("")
    postgres_host: str = ""
    postgres_secret_arn: str = ""
    user_pool_id: str = ""
    client_id: str = ""
    token_issuer: str = ""
    email_sender: str = ""
    email_identity_arn: str = ""
    sms_origination_arn: str = ""
    alert_topic_arn: str = ""
    cors_origins: tuple[str, ...] = ()


@cache
def settings() -> Settings:
    return Settings()
