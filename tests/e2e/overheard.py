"""What passed between clients and the API and may stand in no log: passwords, codes, tokens, addresses, places, what
people wrote about an emergency, and who the patient is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import boto3
import httpx

from tests.e2e.journal import Journal, expect
from tests.e2e.letters import CODE, TOKEN, Letters

SECRET = frozenset(
    {
        "password",
        "new_password",
        "code",
        "session",
        "email",
        "phone_number",
        "invitation",
        "recovery_code",
        "recovery_codes",
        "access_token",
        "refresh_token",
        "id_token",
        "secret",
        "note",
        "review_note",
    }
)
"""Members of requests and answers."""
REFUSED = "request failed: unavailable"
"""What a function writes where a message couldn't leave, as sign-up's text message can't here."""
PROFILE = "/v1/me"
"""Its session is the id of one, which opens nothing and is recorded."""
UNASKED = frozenset({"pages", "exporter", "reconciler"})
"""Functions that nothing here calls."""


@dataclass(slots=True)
class Overheard:
    values: set[str] = field(default_factory=set)

    def hooks(self) -> dict[str, Any]:
        """For the client that plays everybody."""
        return {"request": [self._asked], "response": [self._answered]}

    def note(self, *values: str) -> None:
        self.values.update(value for value in values if value)

    def check(self, journal: Journal, letters: Letters, functions: Mapping[str, dict[str, Any]]) -> None:
        """``functions`` are the deployed functions' settings by name: each has a log, and each log is read."""
        for text in letters.everything():
            self.note(*CODE.findall(text), *TOKEN.findall(text))
        with journal.check(
            f"none of {len(self.values)} passwords, codes, tokens, addresses, notes, names stands in a function's log"
        ):
            logs, pattern = list(_logs()), self._pattern()
            groups = {group_of(settings): name for name, settings in functions.items()}
            silent = [name for group, name in groups.items() if name not in UNASKED and group not in dict(logs)]
            expect(not silent, f"no log of {', '.join(silent)}")
            own = any(groups.get(group) == "accounts" and REFUSED in text for group, text in logs)
            expect(own, "the functions' own lines aren't in their logs, so that nothing would be found there")
            found = {groups.get(group, group) for group, text in logs if pattern.search(text)}
            expect(not found, f"found in the log of {', '.join(sorted(found))}")

    def members_of(self, event: Mapping[str, Any]) -> list[str]:
        """Names of the members that hold one of them."""
        pattern = self._pattern()
        return [name for name, value in event.items() if pattern.search(json.dumps(value))]

    def _asked(self, request: httpx.Request) -> None:
        self.note(request.headers.get("Authorization", "").removeprefix("Bearer "))
        self.note(request.headers.get("X-Forwarded-For", ""))
        self._read(request.content)

    def _answered(self, response: httpx.Response) -> None:
        content = response.read()
        if not response.request.url.path.endswith(PROFILE):
            self._read(content)

    def _read(self, content: bytes) -> None:
        try:
            self._collect(json.loads(content or b"{}"))
        except ValueError:
            return  # lines or a page: nothing of ours is issued in those

    def _collect(self, document: Any) -> None:
        for name, value in document.items() if isinstance(document, dict) else ():
            if name in SECRET:
                self.note(*(value if isinstance(value, list) else [value] if isinstance(value, str) else []))

    def _pattern(self) -> re.Pattern[str]:
        # Whole, as six digits may be part of any number or id.
        text = "|".join(re.escape(value) for value in sorted(self.values))
        return re.compile(rf"(?<![A-Za-z0-9])(?:{text})(?![A-Za-z0-9])", re.IGNORECASE)


def group_of(settings: dict[str, Any]) -> str:
    """The log group of a function with these settings."""
    named = settings.get("LoggingConfig", {}).get("LogGroup")
    return str(named or f"/aws/lambda/{settings['FunctionName']}")


def _logs() -> Iterator[tuple[str, str]]:
    """A log group, and a line of it."""
    logs = boto3.client("logs")
    for page in logs.get_paginator("describe_log_groups").paginate():
        for group in page["logGroups"]:
            name = group["logGroupName"]
            for lines in logs.get_paginator("filter_log_events").paginate(logGroupName=name):
                for line in lines["events"]:
                    yield name, line["message"]
