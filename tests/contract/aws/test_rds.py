"""Signing in to the database in the cloud: tokens, the roots that are trusted, the administrator's password."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import boto3
import pytest
from cryptography import x509
from psycopg.conninfo import conninfo_to_dict

from phivault.adapters import rds_master, rds_token
from phivault.adapters.aws import client
from phivault.errors import Unavailable

HOST, USER = "phivault.cluster-abc.us-east-1.rds.amazonaws.com", "phivault_app"


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "example",
        "AWS_SESSION_TOKEN": "with/odd+characters==",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    return


@pytest.fixture
def stopped_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = datetime(2026, 3, 1, 12, tzinfo=UTC)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda *_, **__: moment.replace(tzinfo=None))


def test_a_token_is_boto3s(credentials: None, stopped_clock: None) -> None:
    theirs = boto3.client("rds").generate_db_auth_token(HOST, 5432, USER)
    assert rds_token.token(HOST, USER) == theirs


def test_each_connect_has_its_own_token_and_no_other_secret(credentials: None) -> None:
    made = conninfo_to_dict(rds_token.token_dsn(HOST, USER, "phivault")())
    assert (made["host"], made["port"], made["user"], made["dbname"]) == (HOST, "5432", USER, "phivault")
    assert made["sslmode"] == "verify-full"
    assert "X-Amz-Expires=900" in made["password"]
    assert "example" not in made["password"].replace("AKIDEXAMPLE", "")


def test_without_credentials_nothing_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    with pytest.raises(Unavailable, match="no AWS credentials"):
        rds_token.token(HOST, USER)


def test_the_trusted_roots_are_rdss_alone() -> None:
    roots = x509.load_pem_x509_certificates(rds_token.CA_FILE.read_bytes())
    names = [root.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value for root in roots]
    assert len(set(names)) == len(names) >= 25
    for root, name in zip(roots, names, strict=True):
        assert str(name).startswith("Amazon RDS ")
        assert str(name).endswith(" Root CA RSA2048 G1")
        root.verify_directly_issued_by(root)
        assert root.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        assert root.not_valid_after_utc.year > 2050


def test_the_administrators_password_is_read_from_its_secret(aws_endpoints: object) -> None:
    secret = client("secretsmanager").create_secret(
        Name="rds!cluster-1", SecretString=json.dumps({"username": "phivault_admin", "password": "p'a s\\s"})
    )
    made = conninfo_to_dict(rds_master.master_dsn(HOST, secret["ARN"]))
    assert (made["user"], made["password"], made["dbname"]) == ("phivault_admin", "p'a s\\s", "postgres")


@pytest.mark.parametrize("content", ["hunter2", "{}", '{"username": "a"}', "[]"])
def test_a_secret_that_is_not_one_is_not_repeated(aws_endpoints: object, content: str) -> None:
    arn = client("secretsmanager").create_secret(Name=f"odd-{abs(hash(content))}", SecretString=content)["ARN"]
    with pytest.raises(Unavailable) as refusal:
        rds_master.master_dsn(HOST, arn)
    assert "hunter2" not in str(refusal.value)
    assert refusal.value.__suppress_context__


def test_an_absent_secret(aws_endpoints: object) -> None:
    with pytest.raises(Unavailable, match="Secrets Manager refused: ResourceNotFoundException"):
        rds_master.master_dsn(HOST, "arn:aws:secretsmanager:us-east-1:123456789012:secret:absent")
