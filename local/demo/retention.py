"""Step 5: whoever holds the keys to the bucket tries to get rid of a record."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from local.demo.exchange import Exchange
from local.demo.lab import Lab
from local.demo.release import release_object


def play(lab: Lab) -> Iterator[Exchange]:
    patient = lab.tenant.patients[0]
    lab.read("clinician", f"/v1/fhir/Patient/{patient}")
    place = {"Bucket": lab.stack.resources.audit_bucket, "Key": release_object(lab, patient)}
    version = lab.s3.head_object(**place)["VersionId"]
    soon = {"Mode": "COMPLIANCE", "RetainUntilDate": datetime.now(UTC) + timedelta(seconds=5)}
    weaker = {"Mode": "GOVERNANCE", "RetainUntilDate": datetime.now(UTC) + timedelta(days=9000)}
    yield _attempt("Delete the record", lambda: lab.s3.delete_object(**place, VersionId=version))
    yield _attempt("Overwrite it", lambda: lab.s3.put_object(**place, Body=b"{}", IfNoneMatch="*"))
    yield _attempt("Shorten its retention", lambda: lab.s3.put_object_retention(**place, Retention=soon))
    yield _attempt("Weaken its lock", lambda: lab.s3.put_object_retention(**place, Retention=weaker))


def _attempt(title: str, call: Callable[[], Any]) -> Exchange:
    try:
        answer = call()
    except ClientError as error:
        status, code = error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"]
        return Exchange(title, error.operation_name, f"{status} {code}", True, "Refused by storage")
    status = answer["ResponseMetadata"]["HTTPStatusCode"]
    return Exchange(title, title, str(status), False, "Storage allowed it")
