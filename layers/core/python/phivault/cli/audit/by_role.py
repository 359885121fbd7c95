"""An export that a signed-in user of the local stack orders through the API."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from phivault.cli.api import Api, direct
from phivault.cli.audit.download import Fetch
from phivault.cli.signed_in import signed_in
from phivault.errors import AccessDenied, Unavailable

PATIENCE: Final = 960.0
EXPORTS: Final = "/v1/audit/exports"


def order(role: str, tenant: str, since: int, *, open: bool) -> ApiExport:
    """Once it is done. Raises what the API refuses with, Unavailable for a failure."""
    api = signed_in(role, tenant)
    ordered = api.call("POST", EXPORTS, {"since": since, "open": open})
    path, until = f"{EXPORTS}/{ordered['id']}", time.monotonic() + PATIENCE
    while (found := api.call("GET", path))["status"] in ("queued", "running"):
        if time.monotonic() > until:
            raise Unavailable("The export doesn't end")
        time.sleep(1)
    if found["status"] != "done":
        why = found.get("detail") or f"{found.get('error', 'it ended without a word')}; the exporter's log says why"
        raise Unavailable(f"The export failed: {why}")
    return ApiExport(api, path, found)


@dataclass(frozen=True, slots=True)
class ApiExport:
    """Fills phivault.cli.audit.download.Export. URLs are good for 15 minutes: a page of them is used up before the next
    is asked for."""

    api: Api
    path: str
    first: dict[str, Any]

    def files(self) -> Iterator[tuple[str, Fetch]]:
        page = self.first
        while True:
            for file in page["files"]:
                yield file["path"], partial(_get, file["url"])
            if page["cursor"] is None:
                return
            page = self.api.call("GET", f"{self.path}?cursor={page['cursor']}")

    def personal(self) -> bytes:
        if "personal_url" not in self.first:
            raise AccessDenied("Opened fields are handed out within five minutes of a sign-in: export again")
        return _get(self.first["personal_url"])


def _get(url: str) -> bytes:
    try:
        with direct.open(url, timeout=60) as answer:
            return bytes(answer.read())
    except (urllib.error.URLError, OSError):
        raise Unavailable("A file of the export can't be fetched") from None
