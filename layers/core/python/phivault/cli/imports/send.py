"""A transaction, sent until its answer is known."""

from __future__ import annotations

import json
import random
import re
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from phivault.cli.api import Answer, Api
from phivault.errors import AccessDenied, InvalidCredentials, PhivaultError, Unavailable

_ENTRY: Final = re.compile(r"Bundle\.entry\[(\d{1,3})\][.:]?\s*")
_LOCATION: Final = re.compile(r"(?:^|/)([A-Za-z]{1,64}/[A-Za-z0-9\-.]{1,64})/_history/\d{1,10}$")
_PASSING: Final = frozenset({429, 500, 502, 503, 504})
_CONFLICTS: Final = 5
_EMPTY: Final = b'{"resourceType":"Bundle","type":"transaction","entry":[]}'
LONGEST_CALL: Final = 30.0
"""API Gateway gives up after 29 seconds, and so does the function."""
_LONGEST_WAIT: Final = 30.0
_jitter = random.SystemRandom().uniform


@dataclass(frozen=True, slots=True)
class Made:
    """Type/id of each entry, in order."""

    places: list[str]


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing of it was done. ``entry`` is at fault, None where none is named; ``large`` says that it is too much at
    once. ``reason`` is the API's."""

    reason: str
    entry: int | None = None
    large: bool = False


class Interrupted(Exception):
    """The import ends; whether this chunk was done isn't known."""


@dataclass(slots=True)
class Sender:
    """``patience`` is for how many seconds an outage is waited for. ``stop`` ends every wait. For many threads."""

    api: Api
    headers: dict[str, str]
    patience: float
    stop: threading.Event = field(default_factory=threading.Event)

    def send(self, body: bytes, key: str) -> Made | Refused:
        """Raises Unavailable for an outage that lasts, InvalidCredentials for a session that is over, AccessDenied
        where the caller may not import at all, Interrupted. After each of them the same call may be made again."""
        headers = self.headers | {"Content-Type": "application/fhir+json", "Idempotency-Key": key}
        until, wait, conflicts = time.monotonic() + self.patience, 0.5, 0
        while not self.stop.is_set():
            try:
                answer = self.api.send("POST", "/v1/fhir", body, headers)
            except Unavailable:
                answer = Answer(503, {}, b"")
            conflicts += answer.status == 409
            if answer.status not in _PASSING and (answer.status != 409 or conflicts > _CONFLICTS):
                return _understood(answer)
            if time.monotonic() > until:
                raise Unavailable(
                    f"The API has answered {answer.status}, or nothing, for {self.patience:.0f} seconds."
                    " If it is up: the same command with fewer --entries"
                    + (f". {answer.where}" if answer.where else "")
                )
            # As told, else longer each time; never all threads at one moment.
            self.stop.wait(max(answer.retry_after or 0, wait) + _jitter(0, wait))
            wait = min(2 * wait, _LONGEST_WAIT)
        raise Interrupted

    def is_unused(self, key: str) -> bool:
        """Whether nothing was ever done under this key: one that did something takes no other transaction. To be asked
        once nothing under it can be under way any more: what was sent has at most ``LONGEST_CALL`` seconds."""
        answer = self.send(_EMPTY, key)
        return isinstance(answer, Made)


def _understood(answer: Answer) -> Made | Refused:
    if answer.status == 200:
        return _made(answer)
    reasons = _reasons(answer)
    if answer.status == 401:
        raise InvalidCredentials(reasons[0])
    entry, reason = _fault(reasons)
    if answer.status == 403 and entry is None:
        raise AccessDenied(reason)
    if 400 <= answer.status < 500:
        return Refused(reason, entry, large=answer.status == 413)
    raise PhivaultError(f"The API answered {answer.status}")


def _made(answer: Answer) -> Made:
    try:
        entries = json.loads(answer.body).get("entry", [])
        found = [_LOCATION.search(entry["response"]["location"]) for entry in entries]
        return Made([place[1] for place in found if place is not None])
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Unavailable("What answered isn't the API") from None


def _reasons(answer: Answer) -> list[str]:
    try:
        document: dict[str, Any] = json.loads(answer.body)
        if "issue" in document:
            return [str(issue["diagnostics"]) for issue in document["issue"]]
        return [str(document.get("detail") or document["title"])]
    except (ValueError, KeyError, TypeError, AttributeError):
        return [f"The API answered {answer.status}"]


def _fault(reasons: Sequence[str]) -> tuple[int | None, str]:
    """Which entry it is about, and why, in words that hold wherever the resource stands."""
    found = _ENTRY.match(reasons[0])
    mine = [_ENTRY.sub("", reason, count=1).removeprefix("resource").lstrip(".: ") for reason in reasons]
    return (int(found[1]) if found else None), "; ".join(mine)
