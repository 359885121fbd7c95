"""How the facts of decisions stand in the table AccessState.

``T#<tenant>#P#<patient>`` / ``USER#<user>`` is what one user is to one patient: ``care`` (``role``, ``since``, ``by``,
``sensitive``), ``break_glass`` (``id``, ``until``) and an attribute ``grant#<id>`` for each grant in force (``kind``,
``classes``, ``purposes``, ``starts``, ``until``). ``T#<tenant>#P#<patient>`` / ``PATIENT`` is what holds for everyone:
``restriction`` (``purposes``, ``since``, ``by``, ``ground``). ``T#<tenant>#U#<user>`` / ``STANDING`` is about a user:
``project#<grant>`` (``project``, ``starts``, ``until``) and ``review#<id>`` (when the review of a broken glass is due;
beside it dynamodb_break_glass counts what is open);
``T#<tenant>#U#<user>`` / ``PATIENT#<patient>`` that the first kind of row may stand. ``T#<tenant>`` / ``POLICIES`` has
the ``version`` of the tenant's policies. Times are Unix seconds, ``since`` RFC 3339. None of these rows expires by
itself: what is over is told by its times.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from phivault.access.facts import PatientFacts
from phivault.adapters.session_rows import Row
from phivault.errors import InvalidInput

GRANT: Final = "grant#"
PROJECT: Final = "project#"
REVIEW: Final = "review#"
USER: Final = "USER#"
PATIENT: Final = "PATIENT#"
DELEGATE: Final = "delegate"
ACCESS: Final = "access"


def user_key(tenant: str, patient: str, user_id: str) -> Row:
    """What the user is to the patient."""
    return {"pk": patient_partition(tenant, patient), "sk": USER + _part(user_id)}


def patient_key(tenant: str, patient: str) -> Row:
    """What holds of the patient for everyone."""
    return {"pk": patient_partition(tenant, patient), "sk": "PATIENT"}


def standing_key(tenant: str, user_id: str) -> Row:
    return {"pk": user_partition(tenant, user_id), "sk": "STANDING"}


def patient_of_key(tenant: str, user_id: str, patient: str) -> Row:
    """That the user stands, or once stood, in a relation to the patient."""
    return {"pk": user_partition(tenant, user_id), "sk": PATIENT + _part(patient)}


def policies_key(tenant: str) -> Row:
    return {"pk": f"T#{_part(tenant)}", "sk": "POLICIES"}


def patient_partition(tenant: str, patient: str) -> str:
    return f"T#{_part(tenant)}#P#{_part(patient)}"


def user_partition(tenant: str, user_id: str) -> str:
    return f"T#{_part(tenant)}#U#{_part(user_id)}"


def facts_of(
    tenant: str, patient: str, purpose: str, user: Mapping[str, Any], everyone: Mapping[str, Any], now: float
) -> PatientFacts:
    """``user`` is the row of user_key, ``everyone`` that of patient_key, either empty where it isn't there."""
    care = user.get("care") or {}
    grants = [grant for grant in _attributes(user, GRANT) if _holds(grant, now)]
    glass = user.get("break_glass") or {}
    restriction = everyone.get("restriction")
    return PatientFacts(
        patient,
        tenant,
        in_care_team=bool(care),
        team_sees_sensitive=bool(care.get("sensitive")),
        delegated=_classes(grants, DELEGATE, purpose),
        granted=_classes(grants, ACCESS, purpose),
        emergency=bool(glass) and now < glass["until"],
        restricted=restriction is not None and _covers(restriction["purposes"], purpose),
    )


def projects_of(standing: Mapping[str, Any], now: float) -> frozenset[str]:
    """The projects that the row of standing_key approves now."""
    return frozenset(str(each["project"]) for each in _attributes(standing, PROJECT) if _holds(each, now))


def is_overdue(standing: Mapping[str, Any], now: float) -> bool:
    """Whether a review of the user's broken glasses should have been done by now."""
    return any(due <= now for due in _attributes(standing, REVIEW))


def _classes(grants: list[Any], kind: str, purpose: str) -> frozenset[str]:
    held = [grant for grant in grants if grant["kind"] == kind and _covers(grant["purposes"], purpose)]
    return frozenset(str(name) for grant in held for name in grant["classes"])


def _attributes(row: Mapping[str, Any], prefix: str) -> Iterator[Any]:
    return (value for name, value in row.items() if name.startswith(prefix))


def _holds(row: Mapping[str, Any], now: float) -> bool:
    return bool(row["starts"] <= now < row["until"])


def _covers(purposes: Any, purpose: str) -> bool:
    """A list that is empty covers every purpose."""
    return not purposes or purpose in purposes


def _part(id: str) -> str:
    # "#" separates; an id that held one could name another tenant's row.
    if not id or "#" in id:
        raise InvalidInput("An id is empty or has a character that ids can't have")
    return id
