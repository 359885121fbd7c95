"""Drive the rotation of keys: ``tests.support.recorded_actions``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.support.aws_proxy import Fault
from tests.support.fhir import make, patient

if TYPE_CHECKING:
    from tests.support.recording import Recording


def drive_the_keys(recording: Recording) -> None:
    """A patient's key: the next version, its rows under it, the old one retired, all of it counted and wrapped again by
    another key of KMS."""
    id = str(make(recording.api("clinician"), patient())["id"])
    tenant = recording.stack.tenants[0]
    with recording.altered("rotator", {"PHIVAULT_SUBJECT_KEY_CACHE_SECONDS": "0"}):
        asked = {"tenant": tenant, "subject": f"Patient/{id}", "by": "operator"}
        assert _call(recording, asked, "rotate")["rotated"] == 1
        recording.s3.fail(Fault.LOST, once=True, only="s3 PUT")
        assert _call(recording, asked, "reseal")["resealed"] == 1
        assert _call(recording, asked, "retire")["settling"] == 1
        long_ago(recording, tenant, f"Patient/{id}")
        assert _call(recording, asked, "retire")["retired"] == 1
        assert _call(recording, asked, "rows")["rows_under_older_keys"] == 0
        assert _call(recording, {}, "status")["services"]
        assert recording.call("rotator", asked | {"action": "forget"})["error"] == "conflict"
    cloud = {"PHIVAULT_PROFILE": "dev", "PHIVAULT_POSTGRES_HOST": "127.0.0.1"}
    with recording.altered("rotator", cloud):
        assert recording.call("rotator", {"action": "rows", "tenant": tenant})["error"] == "unavailable"


def long_ago(recording: Recording, tenant: str, subject: str) -> None:
    """As if the newest key had been made then."""
    recording.stack.aws("dynamodb").update_item(
        TableName=recording.stack.facts["settings"]["PHIVAULT_SUBJECT_KEYS_TABLE"],
        Key={"pk": {"S": f"T#{tenant}#{subject}"}, "sk": {"N": "2"}},
        UpdateExpression="SET made_at = :at",
        ExpressionAttributeValues={":at": {"N": "1"}},
    )


def _call(recording: Recording, asked: dict[str, str], action: str) -> dict[str, Any]:
    answer = recording.call("rotator", asked | {"action": action})
    assert "error" not in answer, answer
    return answer
