"""The reconciliation that runs by the clock: one window of AWS's trail and the gateway's log against the sealed log.

Windows overlap, so that what is delivered late is seen by a later one, and begin where the last complete one ended; a
finding that is on record isn't recorded again. So there is no state but the log itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, Protocol

from phivault.audit.event import Action, AuditEvent, RiskLevel
from phivault.audit.reconcile import access_log, cloudtrail, mentions
from phivault.audit.reconcile.claims import Finding, Kind, Mention, Request, Unwrap
from phivault.audit.reconcile.match import OPENING_SECONDS, Span, Tally, reconcile
from phivault.audit.reconcile.ordered import by_time
from phivault.audit.reconcile.silence import Sounds
from phivault.audit.reconcile.window import SETTLED, Window
from phivault.audit.system import NO_TENANT, system_event
from phivault.errors import InvalidInput, PhivaultError, Unavailable

CACHE_SECONDS: Final = 300.0
MAX_RECORDED: Final = 200
"""Findings recorded by themselves in one run; the summary counts all."""
_ALL_AT_ONCE: Final = 100
_OPAQUE = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_NOT_OPAQUE = re.compile(r"[^A-Za-z0-9._:-]")


class TrailFiles(Protocol):
    """CloudTrail's files. Obligations: every file that was delivered since a moment, with its name. Raises
    Unavailable."""

    def files(self, since: datetime) -> Iterator[tuple[str, bytes]]: ...


class GatewayLog(Protocol):
    """The gateway's access log. Obligations: every line that was written between two moments, complete once the
    second has passed by some minutes. Raises Unavailable."""

    def lines(self, since: datetime, until: datetime) -> Iterator[str]: ...


class Sealed(Protocol):
    """The sealed log (``phivault.audit.reconcile.sealed``). ``until`` is when it was last sealed, Unix seconds."""

    until: float

    def mentions(self, since: float) -> Iterator[Mention]: ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """``findings`` are all of the window, ``new`` those that weren't on record yet. Not ``begun``: the log has no
    checkpoint yet, so nothing was compared. ``mark`` says up to where all is compared, "" where it isn't."""

    findings: Sequence[Finding] = ()
    new: Sequence[Finding] = ()
    tally: Tally = field(default_factory=Tally)
    begun: bool = True
    mark: str = ""


def run(
    window: Window,
    trail: TrailFiles,
    gateway: GatewayLog,
    newest: Callable[[], Sealed | None],
    record: Callable[[Sequence[AuditEvent]], None],
    *,
    roles: Mapping[str, str],
) -> Outcome:
    """Record each new finding and, last, a summary. What fails is recorded too, and raised. ``newest`` opens the log;
    where it answers None, before the first checkpoint, there is nothing to compare with, and nothing is recorded."""
    try:
        log = newest()
        if log is None:
            return Outcome(begun=False)
        outcome = _compare(window, trail, gateway, log, roles)
    except PhivaultError as error:
        record([system_event(Action.AUDIT_RECONCILE, error=error, resource=mentions.RECONCILIATION)])
        raise
    events = [_event(finding) for finding in outcome.new[:MAX_RECORDED]]
    events.append(_summary(outcome))
    for start in range(0, len(events), _ALL_AT_ONCE):
        record(events[start : start + _ALL_AT_ONCE])
    return outcome


def _compare(window: Window, trail: TrailFiles, gateway: GatewayLog, log: Sealed, roles: Mapping[str, str]) -> Outcome:
    if not roles:
        raise InvalidInput("Nothing says which roles are our functions'")
    if log.until < window.until.timestamp():
        raise Unavailable("The log isn't sealed to the end of the window")
    window = window.caught_up(log.mentions)
    recorded, sounds, tally = set[str](), Sounds(), Tally()
    since = window.since.timestamp() - OPENING_SECONDS
    found = reconcile(
        by_time(Unwrap, filter(window.has, _unwraps(trail, window, sounds))),
        by_time(Request, filter(window.has, _requests(gateway, window, sounds))),
        by_time(Mention, _noting(log.mentions(since), recorded, sounds)),
        roles=roles,
        cache_seconds=CACHE_SECONDS,
        span=Span(until=log.until),
        tally=tally,
    )
    findings = list({finding.id: finding for finding in found if not finding.excused}.values())
    silences = list(sounds.silences(window))
    findings += [*silences, *_missed(window)]
    new = [one for one in findings if mentions.of_finding(_about(one), _named(one.id)) not in recorded]
    # What was silent may only be late: the next run looks at it again.
    return Outcome(findings, new, tally, mark="" if silences else window.mark)


def _missed(window: Window) -> Iterator[Finding]:
    if window.missed:
        id = f"{Kind.MISSED_TIME.value}:{window.until:%Y-%m-%d}"
        yield Finding(Kind.MISSED_TIME, window.since.timestamp(), id, "no comparison")


def _noting(events: Iterable[Mention], recorded: set[str], sounds: Sounds) -> Iterator[Mention]:
    for event in events:
        sounds.event(event)
        recorded.update(key for key in event.keys if key.startswith("! "))
        yield event


def _unwraps(trail: TrailFiles, window: Window, sounds: Sounds) -> Iterator[Unwrap]:
    for name, content in trail.files(window.since):
        yield from cloudtrail.parse(content, name, sounds.signed)


def _requests(gateway: GatewayLog, window: Window, sounds: Sounds) -> Iterator[Request]:
    # A line is written when its request has been answered.
    for number, line in enumerate(gateway.lines(window.since, window.until + SETTLED)):
        request = access_log.parse_line(line, f"the access log: line {number}")
        sounds.answered(request.at)
        yield request


def _event(finding: Finding) -> AuditEvent:
    """``user_id`` is the principal, ``resource_id`` CloudTrail's eventID or the request's id."""
    kind, _, person = finding.subject.partition("/")
    tenant = finding.tenant if _OPAQUE.fullmatch(finding.tenant) else NO_TENANT
    event = system_event(
        Action.AUDIT_RECONCILE,
        tenant=tenant,
        resource=_about(finding),
        resource_id=_named(finding.id),
        user_id=_named(finding.principal),
        patient=person if kind == "Patient" and _OPAQUE.fullmatch(person) else "",
    )
    return replace(event, success=False, risk=finding.risk, error=finding.kind.value)


def _about(finding: Finding) -> str:
    if finding.kind in (Kind.SILENT_TRAIL, Kind.SILENT_GATEWAY, Kind.MISSED_TIME):
        return mentions.RECONCILIATION
    return "KeyUse" if finding.principal else "Request"


def _named(id: str) -> str:
    """As an event can hold it."""
    return _NOT_OPAQUE.sub(":", id)[:128]


def _summary(outcome: Outcome) -> AuditEvent:
    """``version`` is how many findings the window has, ``resource_id`` up to where all is compared."""
    event = system_event(
        Action.AUDIT_RECONCILE,
        resource=mentions.RECONCILIATION,
        resource_id=outcome.mark,
        version=len(outcome.findings),
    )
    return event if not outcome.findings else replace(event, success=False, risk=RiskLevel.MEDIUM, error="findings")
