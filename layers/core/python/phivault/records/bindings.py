"""Required bindings: the codes that FHIR R4 allows for an element of type ``code``.

They come from the R4B models' metadata, which was made from the definitions' one-line summaries. Where a summary
is cut short ("+", "etc.") or says nothing, the value set's codes stand here. http://hl7.org/fhir/R4/terminologies.html
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_ENCOUNTER = "planned arrived triaged in-progress onleave finished cancelled entered-in-error unknown"
_COMPARATOR = "< <= >= >"
_WHEN = (
    "MORN MORN.early MORN.late NOON AFT AFT.early AFT.late EVE EVE.early EVE.late NIGHT PHS HS WAKE "
    "C CM CD CV AC ACM ACD ACV PC PCM PCD PCV"
)
_COMPLETE = {
    "DeviceUdiCarrier.entryType": "barcode rfid manual card self-reported unknown",
    "DiagnosticReport.status": (
        "registered partial preliminary final amended corrected appended cancelled entered-in-error unknown"
    ),
    "Encounter.status": _ENCOUNTER,
    "EncounterStatusHistory.status": _ENCOUNTER,
    "Observation.status": "registered preliminary final amended corrected cancelled entered-in-error unknown",
    "TimingRepeat.when": _WHEN,
    **{f"{name}.comparator": _COMPARATOR for name in ("Age", "Count", "Distance", "Duration", "Quantity")},
}
_EXTENSIBLE = frozenset({"Expression.language"})
_TOKEN = r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+\-]{0,126}"
_MEDIA_TYPE = re.compile(rf"{_TOKEN}/{_TOKEN}(?: ?; ?[!-~ ]{{1,255}})?")  # RFC 6838, section 4.2
_FORMS = {
    "Attachment.contentType": _MEDIA_TYPE,
    "Binary.contentType": _MEDIA_TYPE,
    "Money.currency": re.compile("[A-Z]{3}"),  # ISO 4217
    "Signature.sigFormat": _MEDIA_TYPE,
    "Signature.targetFormat": _MEDIA_TYPE,
}
"""Required value sets that nobody lists whole: what every code of theirs looks like."""


def required_codes(type_name: str, element: str, listed: Sequence[str]) -> frozenset[str] | None:
    """The codes allowed for ``element`` of a FHIR type (a backbone element is named as its model is), or None
    where any code is. ``listed`` is what the model's metadata says."""
    name = f"{type_name}.{element}"
    if name in _COMPLETE:
        return frozenset(_COMPLETE[name].split())
    return None if name in _EXTENSIBLE or not listed else frozenset(listed)


def required_form(type_name: str, element: str) -> re.Pattern[str] | None:
    """What every code of a required value set looks like that is too large to be listed, or grows."""
    return _FORMS.get(f"{type_name}.{element}")
