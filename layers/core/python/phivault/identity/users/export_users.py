"""Export the users of one's tenant with their addresses, as NDJSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from phivault.audit.event import Action
from phivault.identity.users import inputs
from phivault.identity.users.call import RELEASED, Call
from phivault.identity.users.shown import shown

MOST = 1000
"""Users of one answer: it stays below API Gateway's 10 MB and Lambda's 6 MB, and within the function's time."""
_PAGE = 100


def export_users(call: Call, parameters: Mapping[str, str]) -> Iterator[str]:
    """A line per user in the order of ids, and a last one with ``count`` and ``cursor``, so that a file cut off shows;
    ``cursor`` is None unless there are more. Raises AccessDenied, SignInAgain, InvalidInput, UnsupportedParameter or
    Unavailable, each recorded. Recorded before the first line."""
    with call.failure_recorded(Action.USER_EXPORT):
        call.require("admin:users-export")
        after, limit = inputs.page(parameters, MOST)
        call.record(Action.USER_EXPORT, classes=RELEASED)
        yield from _lines(call, after, limit)


def _lines(call: Call, after: str, limit: int) -> Iterator[str]:
    count, more = 0, True
    while more and count < limit:
        size = min(_PAGE, limit - count)
        found = call.identity.directory.users(call.tenant, after=after, limit=size + 1)
        page, more = found[:size], len(found) > size
        for user, email in zip(page, call.addresses(page), strict=True):
            yield json.dumps(shown(user, email)) + "\n"
        count, after = count + len(page), page[-1].user_id if page else after
    yield json.dumps({"count": count, "cursor": after if more else None}) + "\n"
