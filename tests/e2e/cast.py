"""Who plays, and what is expected of the answers that they get."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import boto3
import httpx

from tests.e2e.journal import Failed, expect
from tests.e2e.letters import Letters
from tests.e2e.people import Pool, User

OTHER_TENANT = "tenant-b"


@dataclass(slots=True)
class Cast:
    api: httpx.Client
    pool: Pool
    letters: Letters
    people: dict[str, User]

    def __getitem__(self, name: str) -> User:
        return self.people[name]

    def ask(
        self, who: str, method: str, path: str, body: Any = None, *, token: str = "", place: str = ""
    ) -> httpx.Response:
        return self.people[who].ask(self.api, method, path, body, token=token, place=place)

    def post(self, path: str, **body: Any) -> httpx.Response:
        """By nobody in particular."""
        return self.api.post(path, json=body)

    def enabled(self, user: User) -> bool:
        """Whether Cognito lets the user in."""
        found = boto3.client("cognito-idp").admin_get_user(UserPoolId=self.pool.id, Username=user.id)
        return bool(found["Enabled"])


def answered(answer: httpx.Response, status: int, error: str = "") -> Any:
    """What it says. Raises Failed where it isn't that status, or that error's problem."""
    expect(answer.status_code == status, f"{answer.status_code} instead of {status}: {answer.text[:300]}")
    media = answer.headers.get("Content-Type", "").partition(";")[0]
    whole = answer.content and media in ("application/json", "application/problem+json", "application/fhir+json")
    said = answer.json() if whole else answer.text
    if error and not (isinstance(said, dict) and said.get("type") == f"urn:phivault:problem:{error}"):
        raise Failed(f"no problem of type {error}: {answer.text[:300]}")
    return said
