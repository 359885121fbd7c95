"""Confinement: a function's AWS calls end here where its role would refuse them in the cloud.

Its row of the function table grants actions on resources, each named by a setting. A resource whose setting isn't in
the function's environment isn't known here; its actions are then granted on any.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import botocore

from functions.table import Function

IAM_NAMES = {
    "s3:HeadObject": "s3:GetObject",
    "s3:HeadBucket": "s3:ListBucket",
    "s3:ListObjectsV2": "s3:ListBucket",
}
RESOURCES = ("TableName", "Bucket", "KeyId", "TopicArn", "UserPoolId")
ANY = "*"
type Call = tuple[str, str]


class NotGranted(Exception):
    """The function called what its row doesn't grant."""


def confine(function: Function, environment: Mapping[str, str]) -> None:
    """Refuse, before anything is sent, every signed AWS call of this process that isn't in the function's row."""
    granted = set(_granted(function, environment))

    def check(**call: Any) -> None:
        for action, resource in _asked(call["model"], call["params"]):
            if not {(action, resource), (action, ANY)} & granted:
                raise NotGranted(f"{function.name} may not call {action} on this resource")

    botocore.register_initializer(lambda session: session.register("before-parameter-build.*.*", check))


def _granted(function: Function, environment: Mapping[str, str]) -> Iterator[Call]:
    for grant in function.grants:
        resource = environment.get(f"PHIVAULT_{grant.setting.upper()}", ANY)
        yield from ((action, resource) for action in grant.actions)
        # KMS finds the key of a Decrypt in the ciphertext, where the call names none.
        yield from ((action, "") for action in grant.actions if action == "kms:Decrypt")


def _asked(model: Any, params: Mapping[str, Any]) -> Iterator[Call]:
    """What IAM would check of a call: nothing for unsigned operations, each table of a batch by itself. "" stands for a
    resource that the call doesn't name."""
    if model.auth_type == "none" or "smithy.api#noAuth" in (model.auth or ()):
        return
    service = model.service_model.signing_name
    if model.name == "TransactWriteItems":
        for item in params["TransactItems"]:
            yield from ((f"dynamodb:{kind}Item", one["TableName"]) for kind, one in item.items())
        return
    action = IAM_NAMES.get(f"{service}:{model.name}", f"{service}:{model.name}")
    for resource in params.get("RequestItems", ()) or [_resource(params)]:
        yield action, resource
    if "ObjectLockMode" in params or "ObjectLockRetainUntilDate" in params:
        yield "s3:PutObjectRetention", params["Bucket"]


def _resource(params: Mapping[str, Any]) -> str:
    return next((str(params[name]) for name in RESOURCES if name in params), "")
