"""CloudTrail on this machine: a record of each use of a KMS key, delivered every few seconds as CloudTrail's files.

https://docs.aws.amazon.com/kms/latest/developerguide/logging-using-cloudtrail.html. Execution environments share one
access key here, so who called is taken from the application id in the user agent (``AWS_SDK_UA_APP_ID``): that is no
authentication, and in the cloud it is the role.
"""

from __future__ import annotations

import gzip
import json
import re
import secrets
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from moto.core.models import DEFAULT_ACCOUNT_ID as ACCOUNT

OPERATOR = "operator"
"""Who calls without an application id: whoever has the key of this stack."""
DELIVERY_SECONDS = 2.0
_PARAMETERS = {
    "EncryptionContext": "encryptionContext",
    "SourceEncryptionContext": "sourceEncryptionContext",
    "DestinationEncryptionContext": "destinationEncryptionContext",
    "KeyId": "keyId",
    "KeySpec": "keySpec",
    "NumberOfBytes": "numberOfBytes",
    "EncryptionAlgorithm": "encryptionAlgorithm",
    "SigningAlgorithm": "signingAlgorithm",
    "MessageType": "messageType",
}
"""What CloudTrail shows of a request; plaintexts, ciphertexts and messages it leaves out."""
_APPLICATION = re.compile(r"(?:^| )app/([a-z0-9_]{1,32})(?: |$)")
type Put = Callable[[str, str, bytes], None]
"""Stores an object: bucket, key, body."""


def role_arn(function: str) -> str:
    """The role that a function has in the records."""
    return f"arn:aws:iam::{ACCOUNT}:role/{_role(function)}"


def _role(function: str) -> str:
    return f"phivault-{function.replace('_', '-')}"


class Trail:
    """``put`` stores what is delivered. Nothing is delivered before ``start``; what happened before it comes then."""

    def __init__(self, put: Put, region: str) -> None:
        self._put, self._region = put, region
        self._pending: list[dict[str, Any]] = []
        self._changing, self._delivering = threading.Lock(), threading.Lock()
        self._bucket, self._folder = "", Path()

    def note(self, environ: Mapping[str, Any], body: bytes, status: int, answer: bytes) -> None:
        """A call of KMS and its outcome."""
        operation = environ.get("HTTP_X_AMZ_TARGET", "").partition(".")[2]
        agent = str(environ.get("HTTP_USER_AGENT", ""))
        record = {
            "eventVersion": "1.11",
            "userIdentity": _identity(agent),
            "eventTime": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
            "eventSource": "kms.amazonaws.com",
            "eventName": operation,
            "awsRegion": self._region,
            "sourceIPAddress": str(environ.get("REMOTE_ADDR", "")),
            "userAgent": agent[:256],
            **_outcome(_object(body), status, _object(answer)),
            "requestID": str(uuid.uuid4()),
            "eventID": str(uuid.uuid4()),
            "readOnly": not operation.startswith(("Create", "Put", "Schedule", "Disable", "Enable", "Update")),
            "eventType": "AwsApiCall",
            "managementEvent": True,
            "recipientAccountId": ACCOUNT,
            "eventCategory": "Management",
        }
        with self._changing:
            self._pending.append(record)

    def start(self, bucket: str, folder: str) -> None:
        """From now on deliver to the bucket and, the same files, to the folder."""
        self._bucket, self._folder = bucket, Path(folder)
        threading.Thread(target=self._run, name="trail", daemon=True).start()

    def deliver(self) -> None:
        """Deliver what is pending, if delivery has started."""
        with self._delivering:
            with self._changing:
                records, self._pending = (self._pending, []) if self._bucket else ([], self._pending)
            if records:
                key, content = self._file(records)
                self._keep(key, content)
                self._put(self._bucket, key, content)

    def _run(self) -> None:
        while True:
            time.sleep(DELIVERY_SECONDS)
            self.deliver()

    def _file(self, records: list[dict[str, Any]]) -> tuple[str, bytes]:
        now = datetime.now(UTC)
        unique = secrets.token_urlsafe(12).replace("-", "0").replace("_", "1")
        name = f"{ACCOUNT}_CloudTrail_{self._region}_{now:%Y%m%dT%H%MZ}_{unique}.json.gz"
        key = f"AWSLogs/{ACCOUNT}/CloudTrail/{self._region}/{now:%Y/%m/%d}/{name}"
        return key, gzip.compress(json.dumps({"Records": records}, separators=(",", ":")).encode())

    def _keep(self, key: str, content: bytes) -> None:
        path = self._folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".unfinished")  # a reader never sees half a file
        unfinished.write_bytes(content)
        unfinished.replace(path)


def _identity(agent: str) -> dict[str, Any]:
    named = _APPLICATION.search(agent)
    if named is None:
        return {
            "type": "IAMUser",
            "principalId": "AIDALOCALOPERATOR",
            "arn": f"arn:aws:iam::{ACCOUNT}:user/{OPERATOR}",
            "accountId": ACCOUNT,
            "userName": OPERATOR,
        }
    function, role = named[1], _role(named[1])
    issuer = {"type": "Role", "arn": role_arn(function), "accountId": ACCOUNT, "userName": role}
    return {
        "type": "AssumedRole",
        "principalId": f"AROALOCAL:{role}",
        "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/{role}",
        "accountId": ACCOUNT,
        "sessionContext": {"sessionIssuer": issuer, "attributes": {"mfaAuthenticated": "false"}},
    }


def _outcome(asked: dict[str, Any], status: int, answered: dict[str, Any]) -> dict[str, Any]:
    shown = {name: asked[member] for member, name in _PARAMETERS.items() if member in asked}
    key = str(answered.get("KeyId") or asked.get("KeyId") or "")
    on = [{"accountId": ACCOUNT, "type": "AWS::KMS::Key", "ARN": key}] if key.startswith("arn:") else []
    refused = {"errorCode": str(answered.get("__type", "KMSInternalException")).rpartition("#")[2]}
    return {
        "requestParameters": shown or None,
        "responseElements": None,
        "resources": on,
        **({} if status == 200 else refused),
    }


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
