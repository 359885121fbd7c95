"""AWS CloudTrail's files, read for the calls that open keys of ours.

Format: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
and https://docs.aws.amazon.com/kms/latest/developerguide/logging-using-cloudtrail.html. Strict about what is needed,
indifferent to everything else. That files are complete is CloudTrail's own digests to prove
(``aws cloudtrail validate-logs``).
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from phivault.audit.reconcile.claims import SUBJECT_KEY, TENANT_CONTEXT, Unwrap
from phivault.errors import InvalidInput

MAX_BYTES: Final = 256 << 20
"""Of one file, decompressed. CloudTrail's own are below 50 MB."""
_CONTEXTS: Final = {
    "Decrypt": "encryptionContext",
    "GenerateDataKey": "encryptionContext",
    "GenerateDataKeyPair": "encryptionContext",
    "ReEncrypt": "sourceEncryptionContext",
}
"""Calls that give out a plaintext key, or the same key wrapped for somebody else, and where their context stands."""
_OURS: Final = frozenset({SUBJECT_KEY, TENANT_CONTEXT})
_ID = re.compile(r"[A-Za-z0-9-]{1,64}")


def parse(content: bytes, name: str, signed: Callable[[float], None] = lambda _: None) -> Iterator[Unwrap]:
    """The unwraps in a file, ``{"Records": [...]}``, gzipped or not; ``signed`` is told each time at which KMS
    signed, as it does for the sealer. Raises InvalidInput naming file and record."""
    document = _json(decompressed(content, name), name)
    records = document.get("Records") if isinstance(document, dict) else None
    if not isinstance(records, list):
        raise InvalidInput(f"{name} is not a CloudTrail file: it has no Records")
    for number, record in enumerate(records):
        if not isinstance(record, dict):
            raise InvalidInput(f"{name}: record {number} is not an object")
        if record.get("eventSource") != "kms.amazonaws.com":
            continue
        if record.get("eventName") == "Sign":
            signed(_time(record.get("eventTime"), f"{name}: record {number}"))
        if str(record.get("eventName")) in _CONTEXTS:
            context = _context(record)
            if str(context.get("purpose")) in _OURS:
                yield _unwrap(record, context, f"{name}: record {number}")


def decompressed(content: bytes, name: str) -> bytes:
    """The bytes, unzipped where they are gzip. Raises InvalidInput for what is damaged, cut or too large."""
    if not content.startswith(b"\x1f\x8b"):
        return content
    stream = zlib.decompressobj(wbits=31)
    try:
        plain = stream.decompress(content, MAX_BYTES)
    except zlib.error:
        raise InvalidInput(f"{name} is damaged") from None
    if stream.unconsumed_tail:
        raise InvalidInput(f"{name} is larger than {MAX_BYTES >> 20} MiB")
    if not stream.eof or stream.unused_data:
        raise InvalidInput(f"{name} is damaged: it ends early or late")
    return plain


def _json(content: bytes, name: str) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise InvalidInput(f"{name} is not JSON") from None


def _context(record: Mapping[str, Any]) -> Mapping[str, Any]:
    # Absent where KMS refused the caller before it looked at the request: whose key that was after nobody knows.
    parameters = record.get("requestParameters")
    context = parameters.get(_CONTEXTS[record["eventName"]]) if isinstance(parameters, dict) else None
    return context if isinstance(context, dict) else {}


def _unwrap(record: Mapping[str, Any], context: Mapping[str, Any], where: str) -> Unwrap:
    id = record.get("eventID")
    if not isinstance(id, str) or not _ID.fullmatch(id):
        raise InvalidInput(f"{where} has no eventID")
    return Unwrap(
        at=_time(record.get("eventTime"), where),
        id=id,
        operation=record["eventName"],
        principal=_principal(record.get("userIdentity"), where),
        tenant=_text(context.get("tenant", ""), where),
        subject=_text(context.get("subject", ""), where),
        purpose=context["purpose"],
        refused=_text(record.get("errorCode") or "", where),
    )


def _principal(identity: object, where: str) -> str:
    """A session of a role is the role; every other caller is who CloudTrail says, an AWS service included."""
    if not isinstance(identity, dict):
        raise InvalidInput(f"{where} has no userIdentity")
    if identity.get("type") == "AssumedRole" and not identity.get("invokedBy"):
        session = identity.get("sessionContext")
        issuer = session.get("sessionIssuer") if isinstance(session, dict) else None
        if isinstance(issuer, dict) and issuer.get("arn"):
            return _text(issuer["arn"], where)
    named = (identity.get(name) for name in ("arn", "invokedBy", "principalId", "type"))
    return _text(next((name for name in named if name), "unknown"), where)


def _time(value: object, where: str) -> float:
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise InvalidInput(f"{where} has no eventTime")
    return at.timestamp()


def _text(value: object, where: str) -> str:
    """What will be shown: printable and short, or refused."""
    if not isinstance(value, str) or len(value) > 2048 or not value.isprintable():
        raise InvalidInput(f"{where} has a member that is not plain text")
    return value
