"""Judge a broken glass that has ended, as another person than its user. A verdict stays."""

from __future__ import annotations

from dataclasses import replace

from pydantic import Field

from phivault.audit.event import Action, RiskLevel
from phivault.errors import AccessDenied, Conflict
from phivault.inputs import Body
from phivault.permissions.break_glass.glass import Glass, State, Verdict, about, about_id
from phivault.permissions.break_glass.note import Note, sealed_review
from phivault.permissions.break_glass.seen import known
from phivault.permissions.call import Call


class ReviewGlass(Body):
    verdict: Verdict
    note: Note | None = Field(default=None, repr=False)


def review_glass(call: Call, id: str, asked: ReviewGlass) -> Glass:
    """Raises AccessDenied (one's own), NotFound, Conflict (it is active, or was judged), Gone (a note about an erased
    patient) or Unavailable, each recorded."""
    with call.failure_recorded(Action.BREAK_GLASS_REVIEW, **about_id(id)):
        call.require("break-glass:review")
        glass, now = known(call, id), int(call.permissions.now())
        if glass.user_id == call.principal.user_id:
            raise AccessDenied("Another person than the one who broke the glass has to review it")
        _require_ended(glass, now)
        judged = replace(
            glass,
            verdict=asked.verdict,
            reviewed=now,
            reviewed_by=call.principal.user_id,
            review_note=sealed_review(call, glass, asked.note),
        )
        # An unjustified one is an incident: somebody has to hear of it now.
        risk = RiskLevel.CRITICAL if asked.verdict is Verdict.UNJUSTIFIED else None
        call.record(Action.BREAK_GLASS_REVIEW, risk=risk, **about(glass, f"verdict:{asked.verdict}"))
        call.permissions.glasses.review(judged)
        return judged


def _require_ended(glass: Glass, now: int) -> None:
    state = glass.state(now)
    if state is State.ACTIVE:
        raise Conflict("It is active: end it first, or wait until its hour is over")
    if state is State.REVIEWED:
        raise Conflict("It was reviewed already")
