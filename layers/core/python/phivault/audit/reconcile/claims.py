"""What is reconciled: a use of a key, a request, and where the audit log speaks of either."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from phivault.audit.event import RiskLevel

SUBJECT_KEY: Final = "subject-key"
TENANT_CONTEXT: Final = "tenant-context"
"""The purposes in the encryption contexts of what we wrap. KMS opens a ciphertext under its own context alone, so
other contexts are others' ciphertexts."""


@dataclass(frozen=True, slots=True)
class Unwrap:
    """A call after which somebody could hold a key of ours: ``operation`` is KMS's. ``at`` is in Unix seconds.
    ``principal`` is the ARN of the role, or of whoever else called. ``refused`` is KMS's error code, "" for a call
    that succeeded."""

    at: float
    id: str
    operation: str
    principal: str
    tenant: str
    subject: str
    purpose: str
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """A line of the gateway's access log. ``answered`` is the response type where the gateway itself answered
    (``$context.error.responseType``), "" where a function did. ``octets`` is the length of the answer."""

    at: float
    id: str
    method: str
    route: str
    status: int
    answered: str = ""
    octets: int = 0


@dataclass(frozen=True, slots=True)
class Mention:
    """A moment at which the audit log speaks of what ``keys`` name; mentions.py makes and reads them."""

    at: float
    keys: tuple[str, ...]


class Kind(StrEnum):
    """What is wrong. The value is the code in ``audit.reconcile`` events."""

    FOREIGN_UNWRAP = "foreign-unwrap"
    FOREIGN_ATTEMPT = "foreign-attempt"
    UNRECORDED_UNWRAP = "unrecorded-unwrap"
    LATE_UNWRAP = "unwrap-after-log"
    UNRECORDED_REQUEST = "unrecorded-request"
    UNRECORDED_REFUSAL = "unrecorded-refusal"
    LATE_REQUEST = "request-after-log"
    SILENT_TRAIL = "silent-trail"
    SILENT_GATEWAY = "silent-gateway"
    MISSED_TIME = "missed-time"


RISKS: Final = {
    Kind.FOREIGN_UNWRAP: RiskLevel.CRITICAL,
    Kind.FOREIGN_ATTEMPT: RiskLevel.HIGH,
    Kind.UNRECORDED_UNWRAP: RiskLevel.CRITICAL,
    Kind.LATE_UNWRAP: RiskLevel.HIGH,
    Kind.UNRECORDED_REQUEST: RiskLevel.HIGH,
    Kind.UNRECORDED_REFUSAL: RiskLevel.LOW,
    Kind.LATE_REQUEST: RiskLevel.LOW,
    Kind.SILENT_TRAIL: RiskLevel.HIGH,
    Kind.SILENT_GATEWAY: RiskLevel.HIGH,
    Kind.MISSED_TIME: RiskLevel.HIGH,
}
SENTENCES: Final = {
    Kind.FOREIGN_UNWRAP: "a key of ours was opened by a principal that is no function of ours",
    Kind.FOREIGN_ATTEMPT: "a principal that is no function of ours asked for a key of ours and was refused",
    Kind.UNRECORDED_UNWRAP: "a key was opened and no event speaks of its subject at that time",
    Kind.LATE_UNWRAP: "a key was opened after the end of this log: export again, then reconcile",
    Kind.UNRECORDED_REQUEST: "a request was answered and no event has its id",
    Kind.UNRECORDED_REFUSAL: "a request failed without a record and released nothing",
    Kind.LATE_REQUEST: "a request was answered after the end of this log: export again, then reconcile",
    Kind.SILENT_TRAIL: "after an event AWS's trail shows no signature for long: it stood still, or the sealer did",
    Kind.SILENT_GATEWAY: "the log has requests and the gateway's access log has none: was it stopped?",
    Kind.MISSED_TIME: "time that no reconciliation compared is too long ago to be compared now",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """``id`` is CloudTrail's eventID or the request's id; ``what`` is KMS's operation, or method, route and status.
    For what is wrong with the comparison itself, ``id`` is the code and the hour or day."""

    kind: Kind
    at: float
    id: str
    what: str
    principal: str = ""
    tenant: str = ""
    subject: str = ""

    @property
    def risk(self) -> RiskLevel:
        return RISKS[self.kind]

    @property
    def excused(self) -> bool:
        """Whether this is named without being wrong: P1 answers 503 when the record can't be made, and a gateway
        that goes on serving is always ahead of an export."""
        return self.kind in (Kind.UNRECORDED_REFUSAL, Kind.LATE_REQUEST)
