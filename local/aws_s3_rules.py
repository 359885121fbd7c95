"""What S3 refuses and moto lets pass: the rules that an object-locked bucket and the head of the log stand on.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html
https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, unquote
from xml.etree import ElementTree  # nosec B405

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends

BYPASS_HEADER = "HTTP_X_AMZ_BYPASS_GOVERNANCE_RETENTION"


@dataclass(frozen=True, slots=True)
class Refusal:
    status: str
    code: str

    def body(self) -> bytes:
        return f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{self.code}</Code></Error>'.encode()


ACCESS_DENIED = Refusal("403 Forbidden", "AccessDenied")
BAD_DIGEST = Refusal("400 Bad Request", "BadDigest")
MALFORMED = Refusal("400 Bad Request", "MalformedXML")
INVALID_BUCKET_STATE = Refusal("409 Conflict", "InvalidBucketState")
NO_SUCH_KEY = Refusal("404 Not Found", "NoSuchKey")
NOT_LOCKED = Refusal("404 Not Found", "NoSuchObjectLockConfiguration")
NOT_IMPLEMENTED = Refusal("501 Not Implemented", "NotImplemented")
PRECONDITION_FAILED = Refusal("412 Precondition Failed", "PreconditionFailed")


def refusal(environ: Mapping[str, Any], body: bytes) -> Refusal | None:
    """What S3 would refuse this request for, or None."""
    query = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    bucket, _, key = _path(environ).partition("/")
    if environ["REQUEST_METHOD"] == "POST" and "uploadId" in query:
        return _completion(bucket, key, environ)
    if environ["REQUEST_METHOD"] != "PUT":
        return None
    if environ.get("HTTP_IF_NONE_MATCH", "*") != "*":
        return NOT_IMPLEMENTED
    if _wrong_checksum(environ, body):
        return BAD_DIGEST
    if "versioning" in query and not key:
        return _versioning(bucket, body)
    if "retention" in query and key:
        return _retention(bucket, key, query.get("versionId", [None])[0], body, bypasses(environ))
    return None


def retention(environ: Mapping[str, Any]) -> tuple[str, bytes] | None:
    """Status and body of GetObjectRetention, which moto answers with the object itself; None for other requests."""
    query = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    bucket, _, key = _path(environ).partition("/")
    if environ["REQUEST_METHOD"] != "GET" or "retention" not in query or not key:
        return None
    held = _version(_bucket(bucket), key, query.get("versionId", [None])[0]) if _bucket(bucket) else None
    if held is None:
        return NO_SUCH_KEY.status, NO_SUCH_KEY.body()
    if not held.lock_mode:
        return NOT_LOCKED.status, NOT_LOCKED.body()
    members = f"<Mode>{held.lock_mode}</Mode><RetainUntilDate>{held.lock_until}</RetainUntilDate>"
    return "200 OK", f'<Retention xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{members}</Retention>'.encode()


def bypasses(environ: Mapping[str, Any]) -> bool:
    """Whether the caller asks to go past GOVERNANCE: ``true`` and nothing else."""
    return bool(environ.get(BYPASS_HEADER, "").lower() == "true")


def _path(environ: Mapping[str, Any]) -> str:
    return unquote(environ.get("PATH_INFO", "")).removeprefix("/")


def _wrong_checksum(environ: Mapping[str, Any], body: bytes) -> bool:
    stated = environ.get("HTTP_X_AMZ_CHECKSUM_SHA256")
    return stated is not None and stated != base64.b64encode(hashlib.sha256(body).digest()).decode()


def _bucket(name: str) -> Any:
    return s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets.get(name)


def _completion(bucket: str, key: str, environ: Mapping[str, Any]) -> Refusal | None:
    """Of an upload in parts. If-None-Match is kept by moto itself."""
    wanted, found = environ.get("HTTP_IF_MATCH"), _bucket(bucket)
    if wanted is None or found is None:
        return None
    current = found.keys.get(key)
    if not hasattr(current, "etag"):  # absent, or a delete marker
        return NO_SUCH_KEY
    return PRECONDITION_FAILED if current.etag.strip('"') != wanted.strip('"') else None


def _versioning(bucket: str, body: bytes) -> Refusal | None:
    found = _bucket(bucket)
    locked = found is not None and found.object_lock_enabled
    return INVALID_BUCKET_STATE if locked and _texts(body).get("Status") != "Enabled" else None


def _retention(bucket: str, key: str, version: str | None, body: bytes, bypass: bool) -> Refusal | None:
    found = _bucket(bucket)
    held = _version(found, key, version) if found is not None else None
    now = datetime.now(UTC)
    if held is None or not held.lock_mode or _time(held.lock_until) <= now:
        return None
    if held.lock_mode == "GOVERNANCE" and bypass:
        return None
    wanted = _texts(body)
    try:
        until = _time(wanted["RetainUntilDate"])
    except (KeyError, ValueError):
        return MALFORMED if wanted else ACCESS_DENIED
    weaker = held.lock_mode == "COMPLIANCE" and wanted.get("Mode") != "COMPLIANCE"
    return ACCESS_DENIED if weaker or until < _time(held.lock_until) else None


def _version(bucket: Any, key: str, version: str | None) -> Any:
    versions = [held for held in bucket.keys.getlist(key, []) if hasattr(held, "lock_mode")]
    if version is None:
        return versions[-1] if versions else None
    return next((held for held in versions if str(held.version_id) == version), None)


def _texts(body: bytes) -> dict[str, str]:
    # Requests come from this machine alone, and expat fetches no external entity.
    try:
        root = ElementTree.fromstring(body)  # noqa: S314  # nosec B314
    except ElementTree.ParseError:
        return {}
    return {element.tag.rpartition("}")[2]: element.text or "" for element in root}


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
