"""How broken glasses stand in the table AccessState: see dynamodb_break_glass."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from phivault.access.roles import Role
from phivault.adapters import fact_rows
from phivault.adapters.session_rows import Row
from phivault.permissions.break_glass.glass import Due, Glass, Openings, Reason, Verdict

ACTIVE: Final = "active#"
DUE: Final = "BREAK-GLASS-DUE"


def partition(tenant: str) -> str:
    return f"{fact_rows.policies_key(tenant)['pk']}#BREAK-GLASS"


def glass_key(tenant: str, id: str) -> Row:
    return {"pk": partition(tenant), "sk": id}


def glass_row(glass: Glass) -> Row:
    return glass_key(glass.tenant, glass.id) | {
        "patient": glass.patient,
        "user": glass.user_id,
        "role": glass.role.value,
        "reason": glass.reason.value,
        "opened": glass.opened,
        "until": glass.until,
        "review_due": glass.review_due,
        "note": glass.note,
        "ended": glass.ended,
        "ended_by": glass.ended_by,
        "verdict": str(glass.verdict or ""),
        "reviewed": glass.reviewed,
        "reviewed_by": glass.reviewed_by,
        "review_note": glass.review_note,
    }


def glass_of(tenant: str, row: Mapping[str, Any]) -> Glass:
    return Glass(
        id=row["sk"],
        tenant=tenant,
        patient=row["patient"],
        user_id=row["user"],
        role=Role(row["role"]),
        reason=Reason(row["reason"]),
        opened=int(row["opened"]),
        until=int(row["until"]),
        review_due=int(row["review_due"]),
        note=bytes(row["note"]),
        ended=int(row["ended"]),
        ended_by=row["ended_by"],
        verdict=Verdict(row["verdict"]) if row["verdict"] else None,
        reviewed=int(row["reviewed"]),
        reviewed_by=row["reviewed_by"],
        review_note=bytes(row["review_note"]),
    )


def openings_of(standing: Mapping[str, Any]) -> Openings:
    """From the row of fact_rows.standing_key, empty where it isn't there."""
    return Openings(
        until=tuple(int(end) for name, end in standing.items() if name.startswith(ACTIVE)),
        due=tuple(int(due) for name, due in standing.items() if name.startswith(fact_rows.REVIEW)),
        count=int(standing.get("openings", 0)),
    )


def standing_names(id: str) -> dict[str, str]:
    return {"#review": fact_rows.REVIEW + id, "#active": ACTIVE + id}


def due_of(glass: Glass) -> Due:
    return Due(glass.review_due, glass.tenant, glass.id, glass.patient, glass.user_id, glass.reason)


def due_key(due: Due) -> Row:
    return {"pk": DUE, "sk": f"{due.due:010}#{due.tenant}#{due.id}"}


def due_before(now: float) -> str:
    """What every key of what is due by ``now`` sorts before, and no other."""
    return f"{int(now) + 1:010}#"


def due_row(glass: Glass) -> Row:
    due = due_of(glass)
    return due_key(due) | {
        "due": due.due,
        "tenant": due.tenant,
        "id": due.id,
        "patient": due.patient,
        "user": due.user_id,
        "reason": due.reason.value,
    }


def due_from(row: Mapping[str, Any]) -> Due:
    return Due(int(row["due"]), row["tenant"], row["id"], row["patient"], row["user"], Reason(row["reason"]))
