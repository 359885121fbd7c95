"""Whatever is missing, malformed or would weaken production is refused, with its reason."""

from __future__ import annotations

from typing import Any

import pytest

from infra.settings import HIPAA_RETENTION_DAYS, SettingsRefused, read

DEV = {"profile": "dev", "account": "111122223333", "region": "us-east-1"}
PRODUCTION = DEV | {
    "profile": "production",
    "witness_account": "444455556666",
    "alert_email": "security@clinic.example",
    "email_sender": "no-reply@clinic.example",
    "email_identity_arn": "arn:aws:ses:us-east-1:111122223333:identity/clinic.example",
}


def refused(context: dict[str, Any]) -> str:
    with pytest.raises(SettingsRefused) as refusal:
        read(context)
    return str(refusal.value)


def test_both_profiles_need_little():
    assert read(DEV).lock_mode == "GOVERNANCE"
    production = read(PRODUCTION)
    assert production.lock_mode == "COMPLIANCE"
    assert production.audit_retention_days == HIPAA_RETENTION_DAYS == 2192
    assert read(DEV).min_acu == 0


@pytest.mark.parametrize("name", ["profile", "account", "region"])
def test_missing(name: str):
    context = {key: value for key, value in DEV.items() if key != name}
    assert refused(context).startswith(f"{name}: is missing; add it to cdk.json or pass -c {name}=")


MALFORMED = [
    ("profile", "staging", "profile"),
    ("account", "12345", "account"),
    ("account", "11112222333a", "account"),
    ("account", "1111222233334", "account"),
    ("region", "us-moon-1", "region: isn't a region of AWS"),
    ("region", "US-EAST-1", "region: isn't a region of AWS"),
    ("region", "ca-west-1", "region: its database's certificates can't be checked"),
    ("mfa", "OFF", "mfa: no tokens without a second factor"),
    ("mfa", "OPTIONAL", "mfa: no tokens without a second factor"),
    ("access_token_minutes", 60, "access_token_minutes"),
    ("refresh_token_hours", 720, "refresh_token_hours"),
    ("min_acu", 0.3, "min_acu"),
    ("max_acu", 0.5, "max_acu"),
    ("log_retention_days", 31, "log_retention_days"),
    ("cors_origins", "*", "cors_origins"),
    ("cors_origins", '["*"]', "cors_origins"),
    ("cors_origins", '["https://app.example/path"]', "cors_origins"),
    ("cors_origins", '["https://app.example', "cors_origins"),
    ("domain_name", "api.clinic.example", "domain_name, certificate_arn"),
    ("alert_email", "nobody", "alert_email"),
    ("email_sender", "no-reply@clinic.example", "email_sender, email_identity_arn: one needs the other"),
    ("sms_origination_arn", "arn:aws:sms-voice:us-east-1:999922223333:pool/x", "sms_origination_arn: isn't"),
    ("tenant_context_key_ids", '["a", "b", "c"]', "tenant_context_key_ids"),
    ("tenant_context_key_ids", '["a", "a"]', "tenant_context_key_ids"),
    ("tenant_context_key_ids", '["a|b"]', "tenant_context_key_ids"),
    ("lock_mod", "COMPLIANCE", "lock_mod: is no setting"),
]


@pytest.mark.parametrize(("name", "value", "reason"), MALFORMED)
def test_malformed(name: str, value: object, reason: str):
    assert reason in refused(DEV | {name: value})


WEAKER = [
    ({"lock_mode": "GOVERNANCE"}, "lock_mode: production locks"),
    ({"audit_retention_days": 2191}, "audit_retention_days: HIPAA"),
    ({"witness_account": ""}, "witness_account: a witness in the account that it watches"),
    ({"witness_account": "111122223333"}, "witness_account: a witness in the account that it watches"),
    ({"witness_account": "", "witness_waiver": "yes"}, "witness_account"),
    ({"deletion_protection": False}, "deletion_protection"),
    ({"deletion_protection": "false"}, "deletion_protection"),
    ({"user_pool_tier": "ESSENTIALS"}, "user_pool_tier"),
    ({"min_acu": 0}, "min_acu"),
    ({"database_readers": 0}, "database_readers"),
    ({"endpoint_zones": 1}, "endpoint_zones"),
    ({"reserved_concurrency": 0}, "reserved_concurrency"),
    ({"log_retention_days": 30}, "log_retention_days"),
    ({"cors_origins": '["http://app.example"]'}, "cors_origins"),
    ({"alert_email": ""}, "alert_email"),
    ({"email_sender": "", "email_identity_arn": ""}, "email_sender: production tells users"),
]


@pytest.mark.parametrize(("weaker", "reason"), WEAKER)
def test_production_is_not_weakened(weaker: dict[str, Any], reason: str):
    assert reason in refused(PRODUCTION | weaker)


IDENTITY = "arn:aws:ses:us-east-1:111122223333:identity/"


@pytest.mark.parametrize("named", ["clinic.example", "no-reply@clinic.example"])
def test_the_sender_is_what_was_verified(named: str):
    assert read(PRODUCTION | {"email_identity_arn": IDENTITY + named}).email_identity == IDENTITY + named


@pytest.mark.parametrize(
    "foreign",
    [
        IDENTITY + "example",
        IDENTITY + "*",
        IDENTITY + "other@clinic.example",
        IDENTITY.replace("us-east-1", "us-west-2") + "clinic.example",
        IDENTITY.replace("111122223333", "444455556666") + "clinic.example",
    ],
)
def test_the_grant_is_on_no_other_sender(foreign: str):
    assert refused(PRODUCTION | {"email_identity_arn": foreign}).startswith("email_identity_arn: isn't")


def test_all_reasons_come_at_once():
    said = refused(PRODUCTION | {"lock_mode": "GOVERNANCE", "min_acu": 0, "witness_account": ""})
    assert [line.split(":")[0] for line in said.splitlines()] == ["lock_mode", "witness_account", "min_acu"]


def test_a_waived_witness_may_share_the_account():
    waiver = "One account for the pilot, until the second is approved"
    assert read(PRODUCTION | {"witness_account": "", "witness_waiver": waiver}).witness == "111122223333"


def test_values_are_not_repeated():
    assert "hunter2" not in refused(DEV | {"account": "hunter2", "region": "hunter2"})


def test_cdk_names_are_its_own():
    assert read(DEV | {"@aws-cdk/core:something": True, "aws:cdk:bundling-stacks": ["*"]}).profile == "dev"


def test_text_is_read_as_json():
    settings = read(DEV | {"cors_origins": '["https://a.example"]', "reserved_concurrency": "3", "min_acu": "0.5"})
    assert settings.cors_origins == ("https://a.example",)
    assert (settings.reserved_concurrency, settings.min_acu) == (3, 0.5)
