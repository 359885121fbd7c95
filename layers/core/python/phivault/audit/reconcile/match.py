"""Every unwrap and every request against what the audit log says around that time.

All three come in order of time and pass by once; only the events of about twenty minutes are held.
"""

from __future__ import annotations

import heapq
from collections import Counter, deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from phivault.audit.reconcile import mentions
from phivault.audit.reconcile.claims import SUBJECT_KEY, Finding, Kind, Mention, Request, Unwrap
from phivault.errors import InvalidInput

BEFORE_SECONDS: Final = 60
"""A request may last half of it; the rest is what clocks may differ, and CloudTrail's whole seconds."""
OPENING_SECONDS: Final = 960
"""An export records first what it will open, and may then run for 15 minutes."""
SEALING_SECONDS: Final = 10
"""From the moment that an export takes everything until it states its time, and as long as most requests last."""
EXPORTER: Final = "exporter"
EXEMPT: Final = frozenset(
    {
        ("GET", "/healthz"),
        ("GET", "/test-security"),
        ("GET", "/v1/fhir/metadata"),
        ("GET", "/v1/openapi.json"),
    }
)
"""Routes that touch nothing and record nothing (in the API document: ``x-audit`` is empty)."""
BEFORE_FUNCTIONS: Final = frozenset(
    {
        "ACCESS_DENIED",
        "API_CONFIGURATION_ERROR",
        "AUTHORIZER_CONFIGURATION_ERROR",
        "AUTHORIZER_FAILURE",
        "BAD_REQUEST_BODY",
        "BAD_REQUEST_PARAMETERS",
        "EXPIRED_TOKEN",
        "INVALID_API_KEY",
        "INVALID_SIGNATURE",
        "MISSING_AUTHENTICATION_TOKEN",
        "QUOTA_EXCEEDED",
        "REQUEST_TOO_LARGE",
        "RESOURCE_NOT_FOUND",
        "THROTTLED",
        "UNAUTHORIZED",
        "UNSUPPORTED_MEDIA_TYPE",
        "WAF_FILTERED",
    }
)
"""Answers that API Gateway gives before it invokes any function: nothing was there that could have recorded them.
https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html"""
_SMALL_ANSWER = 2048


@dataclass(slots=True)
class Tally:
    """What was looked at; ``older`` are claims from before the log begins."""

    unwraps: int = 0
    requests: int = 0
    exempt: int = 0
    before_functions: int = 0
    older: int = 0


@dataclass(frozen=True, slots=True)
class Span:
    """What the log covers, Unix seconds: from ``since``, up to ``until``, when it was sealed."""

    since: float = 0.0
    until: float = float("inf")

    def is_over(self, at: float) -> bool:
        """Whether what happened then may be recorded after the end."""
        return at > self.until - SEALING_SECONDS


def reconcile(
    unwraps: Iterable[Unwrap],
    requests: Iterable[Request],
    events: Iterable[Mention],
    *,
    roles: Mapping[str, str],
    cache_seconds: float = 300,
    span: Span | None = None,
    tally: Tally | None = None,
) -> Iterator[Finding]:
    """Name every unwrap and request that the log doesn't account for, in order of time.

    ``roles`` are the functions that may open keys, by the ARN of their role. Each iterable is in order of ``at``;
    raises InvalidInput where one isn't.
    """
    known = _Known(_ordered(events, "events"), cache_seconds)
    judge = _Judge(known, roles, span or Span(), tally or Tally())
    claims: Iterator[Unwrap | Request] = heapq.merge(
        _ordered(unwraps, "unwraps"), _ordered(requests, "requests"), key=lambda claim: claim.at
    )
    for claim in claims:
        known.move_to(claim.at)
        found = judge.unwrap(claim) if isinstance(claim, Unwrap) else judge.request(claim)
        if found is not None:
            yield found


class _Window:
    """The keys mentioned from some moment on."""

    def __init__(self) -> None:
        self._held: deque[tuple[float, str]] = deque()
        self._counts: Counter[str] = Counter()

    def add(self, at: float, key: str) -> None:
        self._held.append((at, key))
        self._counts[key] += 1

    def forget_before(self, moment: float) -> None:
        while self._held and self._held[0][0] < moment:
            _, key = self._held.popleft()
            if self._counts[key] == 1:
                del self._counts[key]
            else:
                self._counts[key] -= 1

    def __contains__(self, key: str) -> bool:
        return key in self._counts


class _Known:
    """What the log says between a minute (for exports: a quarter of an hour) before a moment and ``ahead`` after."""

    def __init__(self, events: Iterator[Mention], ahead: float) -> None:
        self._events, self._ahead = events, ahead
        self._next = next(events, None)
        self._near, self._openings = _Window(), _Window()

    def move_to(self, at: float) -> None:
        while self._next is not None and self._next.at <= at + self._ahead:
            for key in self._next.keys:
                window = self._openings if key.endswith(" *") else self._near
                window.add(self._next.at, key)
            self._next = next(self._events, None)
        self._near.forget_before(at - BEFORE_SECONDS)
        self._openings.forget_before(at - OPENING_SECONDS)

    def any_of(self, keys: Iterable[str]) -> bool:
        return any(key in self._near or key in self._openings for key in keys)


@dataclass(frozen=True, slots=True)
class _Judge:
    known: _Known
    roles: Mapping[str, str]
    span: Span
    tally: Tally
    exempt: Collection[tuple[str, str]] = field(default=EXEMPT)

    def unwrap(self, claim: Unwrap) -> Finding | None:
        self.tally.unwraps += 1
        function = self.roles.get(claim.principal)
        if function is None or claim.operation == "ReEncrypt":  # which none of our functions does
            return _found(Kind.FOREIGN_ATTEMPT if claim.refused else Kind.FOREIGN_UNWRAP, claim)
        if claim.refused or claim.purpose != SUBJECT_KEY:  # nothing opened; or the database's key, which is no PHI's
            return None
        accounts = mentions.opens if function == EXPORTER else mentions.accounts_for
        if self.known.any_of(accounts(claim.tenant, claim.subject)):
            return None
        if claim.at < self.span.since:
            self.tally.older += 1
            return None
        return _found(Kind.LATE_UNWRAP if self.span.is_over(claim.at) else Kind.UNRECORDED_UNWRAP, claim)

    def request(self, claim: Request) -> Finding | None:
        self.tally.requests += 1
        if claim.method == "OPTIONS" or (claim.method, claim.route) in self.exempt:
            self.tally.exempt += 1
        elif claim.answered in BEFORE_FUNCTIONS:
            self.tally.before_functions += 1
        elif not self.known.any_of([mentions.of_request(claim.id)]):
            return self._unrecorded(claim)
        return None

    def _unrecorded(self, claim: Request) -> Finding | None:
        what = f"{claim.method} {claim.route} {claim.status}"
        if claim.at < self.span.since:
            self.tally.older += 1
        elif claim.answered or (claim.status == 503 and claim.octets <= _SMALL_ANSWER):
            # The function died and the gateway answered, or the log was down and P1 held: no data in either.
            return Finding(Kind.UNRECORDED_REFUSAL, claim.at, claim.id, what)
        elif self.span.is_over(claim.at):
            return Finding(Kind.LATE_REQUEST, claim.at, claim.id, what)
        else:
            return Finding(Kind.UNRECORDED_REQUEST, claim.at, claim.id, what)
        return None


def _found(kind: Kind, claim: Unwrap) -> Finding:
    return Finding(kind, claim.at, claim.id, claim.operation, claim.principal, claim.tenant, claim.subject)


def _ordered[T: Unwrap | Request | Mention](items: Iterable[T], name: str) -> Iterator[T]:
    last = float("-inf")
    for item in items:
        if item.at < last:
            raise InvalidInput(f"The {name} are not in order of time")
        last = item.at
        yield item
