"""Samples of what AWS writes beside us: CloudTrail's records of KMS, lines of the gateway's access log."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from typing import Any

ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/phivault-records"
ROLES = {ROLE: "records", f"arn:aws:iam::{ACCOUNT}:role/phivault-exporter": "exporter"}
NOON = datetime(2026, 3, 4, 12, 0, 0, tzinfo=UTC).timestamp()


def stamp(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def identity(role: str) -> dict[str, Any]:
    name = role.rpartition("/")[2]
    return {
        "type": "AssumedRole",
        "principalId": f"AROAEXAMPLE:{name}",
        "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/{name}",
        "accountId": ACCOUNT,
        "sessionContext": {"sessionIssuer": {"type": "Role", "arn": role, "userName": name}},
    }


OPERATOR = {"type": "IAMUser", "arn": f"arn:aws:iam::{ACCOUNT}:user/operator", "userName": "operator"}


def a_record(at: float = NOON, subject: str = "Patient/p1", tenant: str = "north", **changes: Any) -> dict[str, Any]:
    context = {"tenant": tenant, "subject": subject, "purpose": "subject-key"}
    return {
        "eventVersion": "1.11",
        "userIdentity": identity(ROLE),
        "eventTime": datetime.fromtimestamp(int(at), UTC).isoformat().replace("+00:00", "Z"),
        "eventSource": "kms.amazonaws.com",
        "eventName": "Decrypt",
        "requestParameters": {"encryptionContext": context, "encryptionAlgorithm": "SYMMETRIC_DEFAULT"},
        "eventID": str(uuid.uuid4()),
        "somethingNew": {"that": ["nobody", "knows"]},
    } | changes


def a_signature(at: float = NOON) -> dict[str, Any]:
    """By the sealer, after an event."""
    parameters = {"signingAlgorithm": "ED25519_SHA_512", "messageType": "RAW"}
    return a_record(at, eventName="Sign", requestParameters=parameters)


def a_file(*records: dict[str, Any]) -> bytes:
    return json.dumps({"Records": list(records)}).encode()


def a_line(at: float = NOON, id: str = "r1", **changes: str) -> str:
    members = {
        "request_id": id,
        "at": str(round(at * 1000)),
        "method": "GET",
        "route": "/v1/fhir/{type}/{id}",
        "status": "200",
        "latency_ms": "12",
        "function_ms": "11",
        "bytes": "900",
        "tls": "TLSv1.3",
        "answered": "-",
        "waf": "-",
    }
    return json.dumps(members | changes)
