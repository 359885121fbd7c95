"""Say of every review that is overdue that it is, once: a CRITICAL event by the system, which alerts.

That its user may open nothing doesn't wait for this: it is told by the times (access facts). A sweep that ends between
record and mark says it again the next time; never not at all.
"""

from __future__ import annotations

from phivault.audit.event import Action
from phivault.audit.recorder import Recorder
from phivault.audit.system import system_event
from phivault.permissions.break_glass.glass import Glasses


def tell_overdue(glasses: Glasses, recorder: Recorder, now: float) -> int:
    """How many. ``now`` is in Unix seconds. Raises Unavailable, with those told that came before."""
    told = 0
    for due in glasses.due(now):
        event = system_event(
            Action.BREAK_GLASS_OVERDUE,
            tenant=due.tenant,
            resource="BreakGlass",
            resource_id=due.id,
            patient=due.patient,
            flags=(f"for:{due.user_id}", f"reason:{due.reason}"),
        )
        recorder.append([event])
        glasses.told(due)
        told += 1
    return told
