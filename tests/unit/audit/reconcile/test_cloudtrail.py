"""CloudTrail's files: strict about what is needed, indifferent to the rest, and never an error that isn't ours."""

from __future__ import annotations

import contextlib
import gzip
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phivault.audit.reconcile.claims import Unwrap
from phivault.audit.reconcile.cloudtrail import MAX_BYTES, parse
from phivault.errors import InvalidInput
from tests.support.evidence import NOON, OPERATOR, ROLE, a_file, a_record


def only(*records: dict[str, Any]) -> Unwrap:
    (found,) = parse(a_file(*records), "f.json")
    return found


def test_an_unwrap_is_read_with_its_context_and_role() -> None:
    record = a_record()
    assert only(record) == Unwrap(
        NOON, record["eventID"], "Decrypt", ROLE, "north", "Patient/p1", "subject-key", refused=""
    )


def test_a_gzipped_file_is_read_alike() -> None:
    content = a_file(a_record())
    assert list(parse(gzip.compress(content), "f")) == list(parse(content, "f"))


@pytest.mark.parametrize("name", ["GenerateDataKey", "GenerateDataKeyPair"])
def test_other_calls_that_give_out_a_key_count(name: str) -> None:
    assert only(a_record(eventName=name)).operation == name


def test_a_key_wrapped_again_for_somebody_else_counts() -> None:
    record = a_record(eventName="ReEncrypt")
    parameters = record["requestParameters"]
    parameters["sourceEncryptionContext"] = parameters.pop("encryptionContext")
    assert only(record).subject == "Patient/p1"


@pytest.mark.parametrize(
    "changes",
    [
        {"eventName": "Encrypt"},
        {"eventName": "Sign"},
        {"eventSource": "s3.amazonaws.com"},
        {"requestParameters": None},
        {"requestParameters": {"encryptionContext": {"aws:dynamodb:tableName": "t"}}},
        {"requestParameters": {"encryptionContext": {"purpose": "other"}}},
    ],
)
def test_what_opens_no_key_of_ours_is_passed_over(changes: dict[str, Any]) -> None:
    assert list(parse(a_file(a_record(**changes)), "f")) == []


@pytest.mark.parametrize(
    ("who", "named"),
    [
        (OPERATOR, OPERATOR["arn"]),
        ({"type": "Root", "arn": "arn:aws:iam::1:root"}, "arn:aws:iam::1:root"),
        ({"type": "AWSService", "invokedBy": "rds.amazonaws.com"}, "rds.amazonaws.com"),
        ({"type": "AssumedRole", "arn": "arn:aws:sts::1:assumed-role/x/y"}, "arn:aws:sts::1:assumed-role/x/y"),
        ({"type": "AWSAccount", "principalId": "AIDA"}, "AIDA"),
        ({}, "unknown"),
    ],
)
def test_who_called_is_named_whoever_it_is(who: dict[str, Any], named: str) -> None:
    assert only(a_record(userIdentity=who)).principal == named


def test_a_service_that_acts_for_a_role_is_not_the_role() -> None:
    record = a_record()
    record["userIdentity"]["invokedBy"] = "rds.amazonaws.com"
    assert only(record).principal != ROLE


def test_a_refusal_is_told_from_an_unwrap() -> None:
    assert only(a_record(errorCode="AccessDenied")).refused == "AccessDenied"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is not JSON"),
        (b"[]", "has no Records"),
        (b'{"Records": {}}', "has no Records"),
        (b'{"Records": [1]}', "record 0 is not an object"),
        (a_file(a_record(), a_record(eventID=None)), "record 1 has no eventID"),
        (a_file(a_record(eventTime="yesterday")), "has no eventTime"),
        (a_file(a_record(eventTime="2026-03-04T12:00:00")), "has no eventTime"),
        (a_file(a_record(userIdentity=None)), "has no userIdentity"),
        (a_file(a_record(tenant="a\x1b[31m")), "not plain text"),
        (b"[" * 100_000, "is not JSON"),
        (gzip.compress(a_file(a_record()))[:-9], "ends early"),
        (gzip.compress(b"{}", mtime=0) + b"more", "ends early or late"),
        (b"\x1f\x8bnothing", "is damaged"),
        (gzip.compress(bytes(MAX_BYTES + 1)), "is larger than"),
    ],
)
def test_a_file_that_is_none_names_itself(content: bytes, says: str) -> None:
    with pytest.raises(InvalidInput, match=f"^planted.*{says}"):
        list(parse(content, "planted.json.gz"))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(sorted(a_record())), JSON))
def test_hostile_records_yield_our_errors_alone(changes: dict[str, Any]) -> None:
    with contextlib.suppress(InvalidInput):
        list(parse(json.dumps({"Records": [a_record() | changes]}).encode(), "f"))


@given(st.binary())
def test_hostile_bytes_too(content: bytes) -> None:
    for given_bytes in (content, b"\x1f\x8b" + content):
        with pytest.raises(InvalidInput):
            list(parse(given_bytes, "f"))
