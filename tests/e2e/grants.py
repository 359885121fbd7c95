"""Every function's role against everything that some row of the function table grants, and against worse.

A probe runs as a Lambda function under the deployed role, so that the emulator's IAM decides about the same
credentials that the real function has. What a row grants is proven by the story; here each call beyond it is made.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
from botocore import xform_name

from functions.row import Function
from functions.table import TABLE
from local.ministack import ACCOUNT, REGION
from tests.e2e.journal import Failed, Journal

PROBE = """
import boto3
from botocore.exceptions import ClientError

def handler(event, context):
    answers = []
    for service, operation, arguments in event["calls"]:
        try:
            getattr(boto3.client(service), operation)(**arguments)
            answers.append("allowed")
        except ClientError as error:
            answers.append(error.response["Error"]["Code"])
    return answers
"""
DEPLOYER = f"arn:aws:iam::{ACCOUNT}:role/cdk-hnb659fds-deploy-role-{ACCOUNT}-{REGION}"
"""May change every stack, and trusts the whole account."""
ON_USERS: dict[str, dict[str, Any]] = {
    "AdminGetUser": {},
    "AdminCreateUser": {"MessageAction": "RESEND"},
    "AdminSetUserPassword": {"Password": "Probe-12345678"},
    "AdminUpdateUserAttributes": {"UserAttributes": [{"Name": "custom:role", "Value": "tenant_admin"}]},
    "AdminSetUserMFAPreference": {},
    "AdminDisableUser": {},
    "AdminEnableUser": {},
    "AdminUserGlobalSignOut": {},
    "AdminDeleteUser": {},
}
DENIED = frozenset({"AccessDenied", "AccessDeniedException", "AuthorizationError", "403", "Forbidden"})


@dataclass(frozen=True, slots=True)
class Call:
    """One AWS call, and the (setting, action) of a grant that would allow it; no grant allows where it is None."""

    grant: tuple[str, str] | None
    service: str
    operation: str
    arguments: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.service} {self.operation}"


def calls(environment: dict[str, str], audit_key: str) -> list[Call]:
    """``environment`` holds the names of resources by setting; ``audit_key`` names an existing record."""
    bucket, key = environment["audit_bucket"], environment["subject_key_arn"]
    item = {"pk": {"S": "probe"}, "sk": {"S": "probe"}}
    found = [
        Call(("audit_bucket", "s3:GetObject"), "s3", "get_object", {"Bucket": bucket, "Key": audit_key}),
        Call(
            ("audit_bucket", "s3:PutObject"), "s3", "put_object", {"Bucket": bucket, "Key": "probe", "IfNoneMatch": "*"}
        ),
        Call(("audit_bucket", "s3:ListBucket"), "s3", "list_objects_v2", {"Bucket": bucket}),
        Call(None, "s3", "delete_object", {"Bucket": bucket, "Key": audit_key}),
        Call(None, "s3", "delete_bucket_policy", {"Bucket": bucket}),
        Call(
            ("subject_key_arn", "kms:GenerateDataKey"), "kms", "generate_data_key", {"KeyId": key, "KeySpec": "AES_256"}
        ),
        Call(None, "kms", "schedule_key_deletion", {"KeyId": key}),
        Call(("subject_key_arn", "kms:DescribeKey"), "kms", "describe_key", {"KeyId": key}),
        Call(("subject_key_arn", "kms:Encrypt"), "kms", "encrypt", {"KeyId": key, "Plaintext": "probe"}),
        Call(
            ("alert_topic_arn", "sns:Publish"),
            "sns",
            "publish",
            {"TopicArn": environment["alert_topic_arn"], "Message": "probe"},
        ),
        Call(None, "secretsmanager", "list_secrets", {}),
        Call(None, "sts", "assume_role", {"RoleArn": DEPLOYER, "RoleSessionName": "probe"}),
    ]
    found += [*_on_the_pool(environment["user_pool_id"]), *_signing_and_calling(environment), *_sending(environment)]
    for setting in ("access_state_table", "subject_keys_table", "audit_index_table"):
        table = environment[setting]
        found += [
            Call((setting, "dynamodb:GetItem"), "dynamodb", "get_item", {"TableName": table, "Key": item}),
            Call((setting, "dynamodb:PutItem"), "dynamodb", "put_item", {"TableName": table, "Item": item}),
            Call((setting, "dynamodb:DeleteItem"), "dynamodb", "delete_item", {"TableName": table, "Key": item}),
            Call((setting, "dynamodb:Scan"), "dynamodb", "scan", {"TableName": table}),
            Call(None, "dynamodb", "delete_table", {"TableName": table}),
            *_many(setting, table, item),
        ]
    return found


def _many(setting: str, table: str, item: dict[str, Any]) -> Iterator[Call]:
    """Rows by partition, by the batch, in a transaction, changed in place."""
    asked = {"KeyConditionExpression": "pk = :pk", "ExpressionAttributeValues": {":pk": item["pk"]}}
    changed = {"UpdateExpression": "SET probe = :pk", "ExpressionAttributeValues": {":pk": item["pk"]}}
    put = [{"PutRequest": {"Item": item}}]
    yield Call((setting, "dynamodb:Query"), "dynamodb", "query", {"TableName": table} | asked)
    yield Call((setting, "dynamodb:UpdateItem"), "dynamodb", "update_item", {"TableName": table, "Key": item} | changed)
    yield Call(
        (setting, "dynamodb:BatchGetItem"), "dynamodb", "batch_get_item", {"RequestItems": {table: {"Keys": [item]}}}
    )
    yield Call((setting, "dynamodb:BatchWriteItem"), "dynamodb", "batch_write_item", {"RequestItems": {table: put}})
    together = {"TransactItems": [{"Put": {"TableName": table, "Item": item}}]}
    yield Call((setting, "dynamodb:PutItem"), "dynamodb", "transact_write_items", together)


def _on_the_pool(pool: str) -> Iterator[Call]:
    """What would make, take over or unlock an account. The user doesn't exist: what is allowed changes nothing."""
    user = {"UserPoolId": pool, "Username": "probe@e2e.example"}
    for action, more in ON_USERS.items():
        operation = xform_name(action)
        yield Call(("user_pool_id", f"cognito-idp:{action}"), "cognito-idp", operation, user | more)
    yield Call(None, "cognito-idp", "update_user_pool", {"UserPoolId": pool})


def _sending(environment: dict[str, str]) -> Iterator[Call]:
    """An e-mail as the product would send it. The emulator has no text messages to try."""
    message: dict[str, Any] = {
        "FromEmailAddress": environment["email_sender"],
        "Destination": {"ToAddresses": ["probe@e2e.example"]},
        "Content": {"Simple": {"Subject": {"Data": "probe"}, "Body": {"Text": {"Data": "probe"}}}},
    }
    yield Call(("email_identity_arn", "ses:SendEmail"), "sesv2", "send_email", message)


def _signing_and_calling(environment: dict[str, str]) -> Iterator[Call]:
    """What would forge the log, or have another function act."""
    for setting in ("log_key_arn", "witness_key_arn"):
        sign = {"KeyId": environment[setting], "Message": "probe", "SigningAlgorithm": "ED25519_SHA_512"}
        yield Call((setting, "kms:Sign"), "kms", "sign", sign)
    for setting in ("sealer_function", "exporter_function", "witness_function", "rotator_function"):
        arguments = {"FunctionName": environment[setting], "InvocationType": "DryRun"}
        yield Call((setting, "lambda:InvokeFunction"), "lambda", "invoke", arguments)
    for setting in ("audit_head_bucket", "audit_exports_bucket", "witness_bucket", "trail_bucket"):
        bucket = environment[setting]
        yield Call((setting, "s3:GetObject"), "s3", "get_object", {"Bucket": bucket, "Key": "probe"})
        yield Call(
            (setting, "s3:PutObject"), "s3", "put_object", {"Bucket": bucket, "Key": "probe", "IfNoneMatch": "*"}
        )
        yield Call((setting, "s3:ListBucket"), "s3", "list_objects_v2", {"Bucket": bucket})


def attack(journal: Journal, configurations: dict[str, dict[str, Any]], known: dict[str, str], audit_key: str) -> None:
    """``configurations`` are the deployed functions' by their name in the table."""
    known = known | {"rotator_function": configurations["rotator"]["FunctionName"]}  # no function is told of it
    for function in TABLE:
        beyond = list(_beyond(function, calls(known, audit_key)))
        with journal.check(f"{function.name}: {len(beyond)} calls beyond its grants refused"):
            answers = _run(function.name, configurations[function.name], beyond)
            allowed = [f"{call}: {code}" for call, code in zip(beyond, answers, strict=True) if code not in DENIED]
            if allowed:
                raise Failed("; ".join(allowed))


def _beyond(function: Function, everything: list[Call]) -> Iterator[Call]:
    granted = {(grant.setting, action) for grant in function.grants for action in grant.actions}
    return (call for call in everything if call.grant not in granted)


def _run(name: str, configuration: dict[str, Any], made: list[Call]) -> list[str]:
    awslambda = boto3.client("lambda")
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("probe.py", PROBE)
    probe = f"e2e-probe-{name}"
    awslambda.create_function(
        FunctionName=probe,
        Runtime=configuration["Runtime"],
        Role=configuration["Role"],
        Handler="probe.handler",
        Code={"ZipFile": archive.getvalue()},
        Layers=[layer["Arn"] for layer in configuration["Layers"]],
        Timeout=60,
    )
    event = {"calls": [[call.service, call.operation, call.arguments] for call in made]}
    answer = awslambda.invoke(FunctionName=probe, Payload=json.dumps(event))
    payload = json.loads(answer["Payload"].read())
    if not isinstance(payload, list):
        raise Failed(f"The probe answered {payload}")
    return payload
