"""A function that calls beyond its row of the function table fails before anything is sent, as its role would."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import boto3
import botocore
import pytest
from botocore.auth import SigV4QueryAuth
from botocore.exceptions import ClientError, EndpointConnectionError
from botocore.stub import Stubber

from functions.row import Function, Grant
from functions.table import TABLE
from local.confine import NotGranted, confine, confine_tokens

KEY = "arn:aws:kms:us-east-1:000000000000:key/subject"
ENVIRONMENT = {
    "PHIVAULT_AUDIT_BUCKET": "audit",
    "PHIVAULT_AUDIT_INDEX_TABLE": "index",
    "PHIVAULT_ACCESS_STATE_TABLE": "state",
    "PHIVAULT_SUBJECT_KEYS_TABLE": "keys",
    "PHIVAULT_SUBJECT_KEY_ARN": KEY,
    "PHIVAULT_USER_POOL_ID": "us-east-1_pool",
    "PHIVAULT_ALERT_TOPIC_ARN": "arn:aws:sns:us-east-1:000000000000:alerts",
    "PHIVAULT_WITNESS_BUCKET": "sightings",
    "PHIVAULT_WITNESS_KEY_ARN": KEY + "-witness",
    "PHIVAULT_LOG_KEY_ARN": KEY + "-log",
    "PHIVAULT_WITNESS_FUNCTION": "witness",
    "PHIVAULT_EMAIL_IDENTITY_ARN": "arn:aws:ses:us-east-1:000000000000:identity/no-reply@phivault.example",
    "PHIVAULT_SMS_ORIGINATION_ARN": "arn:aws:sms-voice:us-east-1:000000000000:phone-number/phone-1",
}
SENDER, SMS = "no-reply@phivault.example", "arn:aws:sms-voice:us-east-1:000000000000:phone-number/phone-1"
TEXT = {"DestinationPhoneNumber": "+15550100001", "MessageBody": "m"}
ITEM = {"pk": {"S": "x"}}
SIGN = {"Message": b"x", "SigningAlgorithm": "ED25519_SHA_512"}
type Clients = Callable[[str], Any]


def _function(name: str) -> Function:
    return next(row for row in TABLE if row.name == name)


@pytest.fixture
def confined(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Clients]:
    """Clients of a confined process; nothing listens where they send."""
    monkeypatch.setattr(botocore, "_INITIALIZERS", [])

    def of(name: str, environment: dict[str, str] = ENVIRONMENT) -> Clients:
        confine(_function(name), environment)
        session = boto3.Session("id", "secret", region_name="us-east-1")
        config = botocore.config.Config(retries={"total_max_attempts": 1}, connect_timeout=1)
        make: Any = session.client  # typed for literal names alone
        return lambda service: make(service, endpoint_url="http://127.0.0.1:9", config=config)

    return of


ESCALATIONS = [
    ("s3", "delete_object", {"Bucket": "audit", "Key": "k"}),
    ("s3", "delete_objects", {"Bucket": "audit", "Delete": {"Objects": [{"Key": "k"}]}}),
    ("s3", "put_bucket_policy", {"Bucket": "audit", "Policy": "{}"}),
    ("s3", "put_object_lock_configuration", {"Bucket": "audit"}),
    ("s3", "copy_object", {"Bucket": "audit", "Key": "k", "CopySource": "audit/other"}),
    ("s3", "list_buckets", {}),
    ("dynamodb", "scan", {"TableName": "keys"}),
    ("dynamodb", "execute_statement", {"Statement": 'SELECT * FROM "keys"'}),
    ("dynamodb", "delete_table", {"TableName": "keys"}),
    ("dynamodb", "delete_item", {"TableName": "keys", "Key": ITEM}),
    ("dynamodb", "update_item", {"TableName": "keys", "Key": ITEM}),
    ("dynamodb", "transact_get_items", {"TransactItems": [{"Get": {"TableName": "keys", "Key": ITEM}}]}),
    ("kms", "schedule_key_deletion", {"KeyId": KEY}),
    ("kms", "encrypt", {"KeyId": KEY, "Plaintext": b"x"}),
    ("kms", "put_key_policy", {"KeyId": KEY, "Policy": "{}"}),
    ("cognito-idp", "admin_create_user", {"UserPoolId": "us-east-1_pool", "Username": "u"}),
    (
        "cognito-idp",
        "admin_update_user_attributes",
        {"UserPoolId": "us-east-1_pool", "Username": "u", "UserAttributes": []},
    ),
    ("sts", "assume_role", {"RoleArn": "arn:aws:iam::000000000000:role/admin", "RoleSessionName": "s"}),
    ("sts", "get_caller_identity", {}),
    ("lambda", "invoke", {"FunctionName": "auth"}),
    ("secretsmanager", "get_secret_value", {"SecretId": "s"}),
    ("ssm", "get_parameter", {"Name": "p"}),
]


ITS_WORK = {
    ("rotator", "scan"),  # whose keys are wrapped by a former key of KMS
    ("rotator", "update_item"),  # which versions are retired, and that a key is gone
    ("migrate", "encrypt"),  # it wraps the tenant-context keys
    ("accounts", "admin_create_user"),
    ("accounts", "admin_update_user_attributes"),
    ("me", "admin_update_user_attributes"),
    ("admin", "admin_update_user_attributes"),
}


@pytest.mark.parametrize("name", [row.name for row in TABLE])
def test_no_function_can_destroy_escalate_or_look_around(confined: Callable[[str], Clients], name: str) -> None:
    clients = confined(name)
    for service, operation, parameters in ESCALATIONS:
        if (name, operation) in ITS_WORK:
            continue
        with pytest.raises(NotGranted):
            getattr(clients(service), operation)(**parameters)


GRANTED = [
    ("records", "s3", "put_object", {"Bucket": "audit", "Key": "k", "Body": b"x", "ObjectLockMode": "COMPLIANCE"}),
    ("records", "dynamodb", "batch_get_item", {"RequestItems": {"state": {"Keys": [ITEM]}}}),
    ("records", "kms", "decrypt", {"CiphertextBlob": b"x"}),
    ("records", "kms", "generate_data_key", {"KeyId": KEY, "KeySpec": "AES_256"}),
    ("auth", "dynamodb", "delete_item", {"TableName": "state", "Key": ITEM}),
    ("auth", "dynamodb", "transact_write_items", {"TransactItems": [{"Put": {"TableName": "state", "Item": ITEM}}]}),
    ("auth", "cognito-idp", "initiate_auth", {"AuthFlow": "USER_AUTH", "ClientId": "c"}),
    ("audit", "dynamodb", "query", {"TableName": "index"}),
    ("audit", "dynamodb", "query", {"TableName": "index", "IndexName": "by-patient"}),
    ("health", "s3", "head_bucket", {"Bucket": "audit"}),
    ("alerts", "sns", "publish", {"TopicArn": ENVIRONMENT["PHIVAULT_ALERT_TOPIC_ARN"], "Message": "m"}),
    ("pre_token", "cognito-idp", "admin_get_user", {"UserPoolId": "us-east-1_pool", "Username": "u"}),
    ("witness", "s3", "list_object_versions", {"Bucket": "sightings"}),
    ("witness", "kms", "sign", {"KeyId": KEY + "-witness", **SIGN}),
    ("witness", "kms", "get_public_key", {"KeyId": KEY + "-log"}),
    ("accounts", "sesv2", "send_email", {"FromEmailAddress": SENDER, "Content": {}}),
    ("accounts", "pinpoint-sms-voice-v2", "send_text_message", TEXT | {"OriginationIdentity": SMS}),
]


@pytest.mark.parametrize(("name", "service", "operation", "parameters"), GRANTED)
def test_what_the_row_grants_is_sent(
    confined: Callable[[str], Clients], name: str, service: str, operation: str, parameters: dict[str, Any]
) -> None:
    with pytest.raises(EndpointConnectionError):
        getattr(confined(name)(service), operation)(**parameters)


ELSEWHERE = [
    ("records", "s3", "put_object", {"Bucket": "loot", "Key": "k", "Body": b"x"}),
    ("records", "dynamodb", "get_item", {"TableName": "index", "Key": ITEM}),
    ("records", "dynamodb", "batch_get_item", {"RequestItems": {"state": {"Keys": [ITEM]}, "index": {"Keys": [ITEM]}}}),
    ("records", "dynamodb", "batch_write_item", {"RequestItems": {"keys": [{"DeleteRequest": {"Key": ITEM}}]}}),
    ("records", "kms", "decrypt", {"CiphertextBlob": b"x", "KeyId": KEY + "2"}),
    ("auth", "dynamodb", "delete_item", {"TableName": "keys", "Key": ITEM}),
    (
        "auth",
        "dynamodb",
        "transact_write_items",
        {
            "TransactItems": [
                {"Put": {"TableName": "state", "Item": ITEM}},
                {"Delete": {"TableName": "keys", "Key": ITEM}},
            ]
        },
    ),
    ("auth", "cognito-idp", "admin_initiate_auth", {"UserPoolId": "p_2", "ClientId": "c", "AuthFlow": "USER_AUTH"}),
    ("audit", "dynamodb", "query", {"TableName": "state"}),
    ("audit", "dynamodb", "query", {"TableName": "state", "IndexName": "index"}),
    ("alerts", "sns", "publish", {"TopicArn": "arn:aws:sns:us-east-1:000000000000:other", "Message": "m"}),
    ("alerts", "sns", "publish", {"PhoneNumber": "+12025550100", "Message": "m"}),
    ("witness", "kms", "sign", {"KeyId": KEY + "-log", **SIGN}),
    ("witness", "s3", "get_object", {"Bucket": "audit", "Key": "k"}),
    ("accounts", "sesv2", "send_email", {"FromEmailAddress": "ceo@phivault.example", "Content": {}}),
    ("accounts", "sesv2", "send_email", {"FromEmailAddress": "", "Content": {}}),
    ("accounts", "sesv2", "send_email", {"Content": {}}),
    ("accounts", "pinpoint-sms-voice-v2", "send_text_message", TEXT | {"OriginationIdentity": SMS + "2"}),
    ("accounts", "pinpoint-sms-voice-v2", "send_text_message", TEXT),
    ("me", "pinpoint-sms-voice-v2", "send_text_message", TEXT | {"OriginationIdentity": SMS}),
    ("records", "sesv2", "send_email", {"FromEmailAddress": SENDER, "Content": {}}),
]


@pytest.mark.parametrize(("name", "service", "operation", "parameters"), ELSEWHERE)
def test_a_granted_action_counts_on_its_own_resource_alone(
    confined: Callable[[str], Clients], name: str, service: str, operation: str, parameters: dict[str, Any]
) -> None:
    with pytest.raises(NotGranted) as refused:
        getattr(confined(name)(service), operation)(**parameters)
    assert "loot" not in str(refused.value)


def test_a_verified_domain_sends_for_its_addresses(confined: Any) -> None:
    domain = "arn:aws:ses:us-east-1:000000000000:identity/phivault.example"
    ses = confined("accounts", ENVIRONMENT | {"PHIVAULT_EMAIL_IDENTITY_ARN": domain})("sesv2")
    with pytest.raises(EndpointConnectionError):
        ses.send_email(FromEmailAddress=SENDER, Content={})
    for other in ("a@phivault.example.org", "a@mail.phivault.example", "phivault.example@evil.example"):
        with pytest.raises(NotGranted):
            ses.send_email(FromEmailAddress=other, Content={})


def test_a_function_calls_the_function_that_its_row_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(botocore, "_INITIALIZERS", [])
    row = Function("sealer", "", (Grant("witness_function", ("lambda:InvokeFunction",)),))
    confine(row, ENVIRONMENT)
    config = botocore.config.Config(retries={"total_max_attempts": 1}, connect_timeout=1)
    make: Any = boto3.Session("id", "secret", region_name="us-east-1").client
    lambda_ = make("lambda", endpoint_url="http://127.0.0.1:9", config=config)
    for kind in ("RequestResponse", "Event"):
        with pytest.raises(EndpointConnectionError):
            lambda_.invoke(FunctionName="witness", InvocationType=kind)
        for other in ("records", "witness2", "arn:aws:lambda:us-east-1:000000000000:function:witness"):
            with pytest.raises(NotGranted):
                lambda_.invoke(FunctionName=other, InvocationType=kind)
    with pytest.raises(NotGranted):
        lambda_.update_function_code(FunctionName="witness", ZipFile=b"x")


def test_a_retention_of_ones_own_needs_its_own_grant(
    confined: Callable[[str], Clients], monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = {"Bucket": "audit", "Key": "k", "Body": b"x", "ObjectLockMode": "GOVERNANCE"}
    with pytest.raises(NotGranted):
        confined("health")("s3").put_object(**lock)


def test_a_resource_that_is_not_known_is_granted_to_nobody(confined: Callable[[str], Clients]) -> None:
    unknown = {name: value for name, value in ENVIRONMENT.items() if name != "PHIVAULT_AUDIT_BUCKET"}
    with pytest.raises(NotGranted):
        confined("records", unknown)("s3").put_object(Bucket="audit", Key="k", Body=b"x")


def test_what_another_key_opened_goes_no_further(confined: Callable[[str], Clients]) -> None:
    kms = confined("records")("kms")
    with Stubber(kms) as answers:
        answers.add_response("decrypt", {"KeyId": KEY, "Plaintext": b"ours"})
        answers.add_response("decrypt", {"KeyId": KEY + "2", "Plaintext": b"theirs"})
        assert kms.decrypt(CiphertextBlob=b"x")["Plaintext"] == b"ours"
        with pytest.raises(NotGranted):
            kms.decrypt(CiphertextBlob=b"x")


@pytest.mark.parametrize(
    ("function", "own", "others"),
    [
        ("records", "phivault_app", ("phivault_owner", "phivault_rotator")),
        ("rotator", "phivault_rotator", ("phivault_owner", "phivault_app")),
    ],
)
def test_a_function_signs_in_to_the_database_as_its_own_user_alone(
    monkeypatch: pytest.MonkeyPatch, function: str, own: str, others: tuple[str, str]
) -> None:
    from phivault.adapters.rds_token import token

    monkeypatch.setattr(SigV4QueryAuth, "add_auth", SigV4QueryAuth.add_auth)
    for name, value in {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_REGION": "us-east-1"}.items():
        monkeypatch.setenv(name, value)
    made: list[tuple[str, str]] = []
    confine_tokens(_function(function), ENVIRONMENT, made.append)
    assert f"DBUser={own}" in token("database.invalid", own)
    for other in others:
        with pytest.raises(NotGranted):
            token("database.invalid", other)
    assert made == [("rds-db:connect", role) for role in (own, *others)]


def test_calls_are_told_also_those_that_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(botocore, "_INITIALIZERS", [])
    made: list[tuple[str, str]] = []
    confine(_function("auth"), ENVIRONMENT, made.append)
    make: Any = boto3.Session("id", "secret", region_name="us-east-1").client
    dynamodb = make("dynamodb", endpoint_url="http://127.0.0.1:9")
    with Stubber(dynamodb) as answers:
        answers.add_response("get_item", {})
        answers.add_response("get_item", {})
        dynamodb.get_item(TableName="state", Key=ITEM)
        with pytest.raises(NotGranted):
            dynamodb.get_item(TableName="index", Key=ITEM)
    with pytest.raises(NotGranted):
        dynamodb.list_tables()
    assert made == [("dynamodb:GetItem", "state"), ("dynamodb:GetItem", "index"), ("dynamodb:ListTables", "")]


ABSENT = [("get_object", "NoSuchKey", "AccessDenied"), ("head_object", "404", "403")]


@pytest.mark.parametrize(("operation", "absent", "refusal"), ABSENT)
def test_only_who_may_list_a_bucket_is_told_that_an_object_is_absent(
    monkeypatch: pytest.MonkeyPatch, operation: str, absent: str, refusal: str
) -> None:
    monkeypatch.setattr(botocore, "_INITIALIZERS", [])
    reading = Grant("audit_bucket", ("s3:GetObject",))
    listing = Grant("audit_bucket", ("s3:GetObject", "s3:ListBucket"))
    for grant, code, status in ((reading, refusal, 403), (listing, absent, 404)):
        made: list[tuple[str, str]] = []
        monkeypatch.setattr(botocore, "_INITIALIZERS", [])
        confine(Function("reader", "", (grant,)), ENVIRONMENT, made.append)
        make: Any = boto3.Session("id", "secret", region_name="us-east-1").client
        s3 = make("s3")
        with Stubber(s3) as answers:
            answers.add_client_error(operation, absent, http_status_code=404)
            with pytest.raises(ClientError) as error:
                getattr(s3, operation)(Bucket="audit", Key="k")
        assert error.value.response["Error"]["Code"] == code
        assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
        assert (("s3:ListBucket", "audit") in made) == (status == 404)


VERSIONS = [
    ("get_object", {"VersionId": "v"}),
    ("head_object", {"VersionId": "v"}),
    ("delete_object", {"VersionId": "v"}),
    ("put_object", {"Body": b"x", "ObjectLockLegalHoldStatus": "ON"}),
    ("put_object_retention", {"BypassGovernanceRetention": True}),
]


@pytest.mark.parametrize(("operation", "more"), VERSIONS)
def test_what_needs_a_right_of_its_own_is_refused_without_it(
    monkeypatch: pytest.MonkeyPatch, operation: str, more: dict[str, Any]
) -> None:
    monkeypatch.setattr(botocore, "_INITIALIZERS", [])
    actions = ("s3:GetObject", "s3:DeleteObject", "s3:PutObject", "s3:PutObjectRetention")
    confine(Function("keeper", "", (Grant("audit_bucket", actions),)), ENVIRONMENT)
    make: Any = boto3.Session("id", "secret", region_name="us-east-1").client
    config = botocore.config.Config(retries={"total_max_attempts": 1}, connect_timeout=1)
    s3 = make("s3", endpoint_url="http://127.0.0.1:9", config=config)
    usual = {name: value for name, value in more.items() if name == "Body"}
    with pytest.raises(EndpointConnectionError):
        getattr(s3, operation)(Bucket="audit", Key="k", **usual)
    with pytest.raises(NotGranted):
        getattr(s3, operation)(Bucket="audit", Key="k", **more)
