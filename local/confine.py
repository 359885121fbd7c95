"""Confinement: a function's AWS calls end here where its role would refuse them in the cloud.

Its row of the function table grants actions on resources, each named by a setting. A resource that isn't known here is
granted to nobody.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import botocore
from botocore.auth import SigV4QueryAuth

from functions.row import ON_FORMER, Function, Grant

IAM_NAMES = {
    "s3:HeadObject": "s3:GetObject",
    "s3:HeadBucket": "s3:ListBucket",
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:ListObjectVersions": "s3:ListBucketVersions",
    "lambda:Invoke": "lambda:InvokeFunction",
}
OF_A_VERSION = frozenset({"s3:GetObject", "s3:DeleteObject"})
"""Actions with a right of their own where a version is named: ``s3:GetObjectVersion``."""
RESOURCES = (
    "TableName",
    "Bucket",
    "KeyId",
    "TopicArn",
    "UserPoolId",
    "SecretId",
    "FunctionName",
    "logGroupName",
    "FromEmailAddress",
    "OriginationIdentity",
)
CONFINED_TO = "PHIVAULT_CONFINED_TO"
"""Variables (as JSON) of what a function may call without being told its name, because a request brings it."""
_ABSENT = ("NoSuchKey", "404")
_BUCKET = "phivault_bucket"
type Call = tuple[str, str]
"""An action and the name, id or ARN of what it is on; of an index, ``<table>/index/<name>``."""
type Made = Callable[[Call], None]


class NotGranted(Exception):
    """The function called what its row doesn't grant."""


def _forget(call: Call) -> None:
    """What nobody asked to hear of."""


def confine(function: Function, environment: Mapping[str, str], made: Made = _forget) -> None:
    """Refuse, before anything is sent, every signed AWS call of this process that isn't in the function's row.
    ``made`` hears of every call, also of what is refused."""
    calls = set(granted(function, environment))

    def check(**call: Any) -> None:
        call["context"][_BUCKET] = call["params"].get("Bucket", "")
        for asked in _asked(call["model"], call["params"]):
            if asked[1] or not permits(calls, asked):
                made(asked)
            _require(function, calls, asked)

    def check_key(**call: Any) -> None:
        # Only KMS knows the key of a ciphertext. Its answer, which names it, goes no further where it isn't granted.
        if key := call["parsed"].get("KeyId"):
            made(("kms:Decrypt", key))
            _require(function, calls, ("kms:Decrypt", key))

    def check_absent(**call: Any) -> None:
        error, listing = call["parsed"].get("Error", {}), ("s3:ListBucket", call["context"].get(_BUCKET, ""))
        if error.get("Code") not in _ABSENT:
            return
        if permits(calls, listing):
            made(listing)
            return
        # S3 tells only those who may list a bucket that it lacks an object. Others get what it answers to a refusal.
        error["Code"] = "403" if error["Code"] == "404" else "AccessDenied"
        call["parsed"]["ResponseMetadata"]["HTTPStatusCode"] = 403

    def register(session: Any) -> None:
        session.register("before-parameter-build.*.*", check)
        session.register("after-call.kms.Decrypt", check_key)
        session.register("after-call.s3.GetObject", check_absent)
        session.register("after-call.s3.HeadObject", check_absent)

    botocore.register_initializer(register)


def confine_tokens(function: Function, environment: Mapping[str, str], made: Made = _forget) -> None:
    """Refuse to sign in to the database as a user whom the row doesn't name. For a whole process: a token is a
    signature, of which botocore tells nobody."""
    calls, sign = set(granted(function, environment)), SigV4QueryAuth.add_auth

    def add_auth(signer: Any, request: Any) -> None:
        if signer._service_name == "rds-db":  # noqa: SLF001  (kept nowhere else)
            asked = ("rds-db:connect", request.params["DBUser"])
            made(asked)
            _require(function, calls, asked)
        sign(signer, request)

    SigV4QueryAuth.add_auth = add_auth  # type: ignore[method-assign, assignment]  # there is no hook


def known_resources(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment, with what it confines to."""
    return {**environment, **json.loads(environment.get(CONFINED_TO, "{}"))}


def granted(function: Function, environment: Mapping[str, str]) -> Iterator[Call]:
    """Every call that the row grants."""
    for grant in function.grants:
        if resource := _granted_on(grant, environment):
            yield from ((action, resource) for action in grant.actions)
        for former in json.loads(environment.get(f"PHIVAULT_FORMER_{grant.setting.upper()}S", "[]")):
            yield from ((action, former) for action in grant.actions if action in ON_FORMER)


def permits(calls: Collection[Call], asked: Call) -> bool:
    """Whether ``asked`` is among the granted ``calls``. A table's indexes are granted with it, to queries alone; a
    sender's address with its domain. A call that names no resource ("") isn't, but for Decrypt, whose key is looked at
    when KMS has named it."""
    action, resource = asked
    if not resource and action == "kms:Decrypt":
        return any(action == name for name, _ in calls)
    if action == "ses:SendEmail" and (action, resource.rpartition("@")[2]) in calls:
        return True
    table = resource.partition("/index/")[0] if action == "dynamodb:Query" else resource
    return (action, table) in calls


def _granted_on(grant: Grant, environment: Mapping[str, str]) -> str:
    named = grant.part or environment.get(f"PHIVAULT_{grant.setting.upper()}", "")
    # A call names the sender's address, IAM the identity that was verified: the address or its domain.
    return named.partition(":identity/")[2] if ":identity/" in named and named.startswith("arn:aws:ses:") else named


def _require(function: Function, calls: Collection[Call], asked: Call) -> None:
    if not permits(calls, asked):
        raise NotGranted(f"{function.name} may not call {asked[0]} on this resource")


def _asked(model: Any, params: Mapping[str, Any]) -> Iterator[Call]:
    """What IAM would check of a call: nothing for unsigned operations, each table of a batch by itself. "" stands for a
    resource that the call doesn't name: KMS finds the key of a Decrypt in the ciphertext."""
    if model.auth_type == "none" or "smithy.api#noAuth" in (model.auth or ()):
        return
    service = model.service_model.signing_name
    if model.name == "TransactWriteItems":
        for item in params["TransactItems"]:
            yield from ((f"dynamodb:{kind}Item", one["TableName"]) for kind, one in item.items())
        return
    action = IAM_NAMES.get(f"{service}:{model.name}", f"{service}:{model.name}")
    if "VersionId" in params and action in OF_A_VERSION:
        action += "Version"
    for resource in params.get("RequestItems", ()) or [_resource(params)]:
        yield action, resource
    if "ObjectLockMode" in params or "ObjectLockRetainUntilDate" in params:
        yield "s3:PutObjectRetention", params["Bucket"]
    if "ObjectLockLegalHoldStatus" in params:
        yield "s3:PutObjectLegalHold", params["Bucket"]
    if params.get("BypassGovernanceRetention"):
        yield "s3:BypassGovernanceRetention", params["Bucket"]


def _resource(params: Mapping[str, Any]) -> str:
    named = next((str(params[name]) for name in RESOURCES if name in params), "")
    return f"{named}/index/{params['IndexName']}" if "IndexName" in params else named
