"""What the templates declare and the emulator forgets without a word: found, set, and read back.

Each rule reads one setting from the running account and compares it with the template. Where it differs it is set
through the service's API and read once more; what differs still is a failure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import ClientError

from tests.e2e.deploy import Assembly, Deployed
from tests.e2e.journal import Failed, Journal

ABSENT = (
    "NoSuchBucketPolicy",
    "NoSuchPublicAccessBlockConfiguration",
    "ObjectLockConfigurationNotFoundError",
    "ServerSideEncryptionConfigurationNotFoundError",
)


@dataclass(frozen=True, slots=True)
class Setting:
    """``declared`` is the template's value; ``read`` the account's; ``write`` makes it so."""

    place: str
    name: str
    declared: Any
    read: Callable[[], Any]
    write: Callable[[], Any]


def restore(journal: Journal, assembly: Assembly, stands: Deployed) -> None:
    for setting in (*_buckets(assembly, stands), *_tables(assembly, stands), *_keys(assembly, stands)):
        with journal.check(f"{setting.name} of {setting.place}"):
            if _read(setting) != setting.declared:
                journal.note("Dropped by the emulator's CloudFormation, set afterwards and read back", _told(setting))
                setting.write()
                if (found := _read(setting)) != setting.declared:
                    raise Failed(f"is {found!r}, not {setting.declared!r}")


def _told(setting: Setting) -> str:
    return f"{setting.name} of {setting.place}: {setting.declared}"


def _read(setting: Setting) -> Any:
    try:
        return setting.read()
    except ClientError as error:
        if error.response["Error"]["Code"] in ABSENT:
            return None
        raise


def _buckets(assembly: Assembly, stands: Deployed) -> Iterator[Setting]:
    s3 = boto3.client("s3")
    for stack, place, properties in assembly.resources("AWS::S3::Bucket"):
        name = stands.physical[stack, place]
        yield from _versioning(s3, place, name, properties)
        yield from _encryption(s3, place, name, properties)
        yield from _object_lock(s3, place, name, properties)
        if block := properties.get("PublicAccessBlockConfiguration"):
            yield Setting(
                place,
                "Public access block",
                block,
                lambda name=name: s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"],
                lambda name=name, block=block: s3.put_public_access_block(
                    Bucket=name, PublicAccessBlockConfiguration=block
                ),
            )


def _versioning(s3: Any, place: str, name: str, properties: dict[str, Any]) -> Iterator[Setting]:
    if declared := properties.get("VersioningConfiguration", {}).get("Status"):
        yield Setting(
            place,
            "Versioning",
            declared,
            lambda: s3.get_bucket_versioning(Bucket=name).get("Status"),
            lambda: s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": declared}),
        )


def _encryption(s3: Any, place: str, name: str, properties: dict[str, Any]) -> Iterator[Setting]:
    for rule in properties.get("BucketEncryption", {}).get("ServerSideEncryptionConfiguration", []):
        algorithm = rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"]

        def read() -> Any:
            (found,) = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]
            return found["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"]

        rules = [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": algorithm}}]
        yield Setting(
            place,
            "Encryption",
            algorithm,
            read,
            lambda rules=rules: s3.put_bucket_encryption(
                Bucket=name, ServerSideEncryptionConfiguration={"Rules": rules}
            ),
        )


def _object_lock(s3: Any, place: str, name: str, properties: dict[str, Any]) -> Iterator[Setting]:
    if not properties.get("ObjectLockEnabled"):
        return
    declared: dict[str, Any] = {"ObjectLockEnabled": "Enabled"}
    if rule := properties.get("ObjectLockConfiguration", {}).get("Rule"):
        declared["Rule"] = rule
    yield Setting(
        place,
        "Object Lock",
        declared,
        lambda: s3.get_object_lock_configuration(Bucket=name)["ObjectLockConfiguration"],
        lambda: s3.put_object_lock_configuration(Bucket=name, ObjectLockConfiguration=declared),
    )


def _tables(assembly: Assembly, stands: Deployed) -> Iterator[Setting]:
    dynamodb = boto3.client("dynamodb")
    kinds = [
        found for kind in ("AWS::DynamoDB::Table", "AWS::DynamoDB::GlobalTable") for found in assembly.resources(kind)
    ]
    for stack, place, properties in kinds:
        name = stands.physical[stack, place]
        replica = (properties.get("Replicas") or [{}])[0]
        own = {**properties, **replica}
        yield from _recovery(dynamodb, place, name, own)
        yield from _sse(dynamodb, place, name, own)
        if own.get("DeletionProtectionEnabled"):
            yield Setting(
                place,
                "Deletion protection",
                True,
                lambda name=name: dynamodb.describe_table(TableName=name)["Table"].get("DeletionProtectionEnabled"),
                lambda name=name: dynamodb.update_table(TableName=name, DeletionProtectionEnabled=True),
            )


def _recovery(dynamodb: Any, place: str, name: str, own: dict[str, Any]) -> Iterator[Setting]:
    if own.get("PointInTimeRecoverySpecification", {}).get("PointInTimeRecoveryEnabled"):

        def read() -> Any:
            found = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
            return found["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"]

        on = {"PointInTimeRecoveryEnabled": True}
        yield Setting(
            place,
            "Point-in-time recovery",
            "ENABLED",
            read,
            lambda: dynamodb.update_continuous_backups(TableName=name, PointInTimeRecoverySpecification=on),
        )


def _sse(dynamodb: Any, place: str, name: str, own: dict[str, Any]) -> Iterator[Setting]:
    if not own.get("SSESpecification", {}).get("SSEEnabled"):
        return
    yield Setting(
        place,
        "Encryption",
        "ENABLED",
        lambda: dynamodb.describe_table(TableName=name)["Table"].get("SSEDescription", {}).get("Status"),
        lambda: dynamodb.update_table(TableName=name, SSESpecification={"Enabled": True, "SSEType": "KMS"}),
    )


def _keys(assembly: Assembly, stands: Deployed) -> Iterator[Setting]:
    kms = boto3.client("kms")
    for stack, place, properties in assembly.resources("AWS::KMS::Key"):
        if properties.get("EnableKeyRotation"):
            key = stands.physical[stack, place]
            yield Setting(
                place,
                "Yearly rotation",
                True,
                lambda key=key: kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"],
                lambda key=key: kms.enable_key_rotation(KeyId=key),
            )
