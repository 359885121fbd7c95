"""The port that keeps grants, and with them what decisions read of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from phivault.permissions.grants.state import Approved, Grant, Waiting


class GrantStore(Protocol):
    """Obligations: what returned is durable and seen by every later call, FactStore's too; what raises Conflict changed
    nothing. Times that are over count by the store's own clock. Raises Unavailable where it doesn't answer.

    ``grant`` is the grant as the caller read it. A change goes through only from there: Conflict where its state or
    versions moved on.
    """

    def grant(self, tenant: str, id: str) -> Grant | None: ...

    def grants(
        self, tenant: str, *, patient: str = "", user_id: str = "", after: str = "", limit: int
    ) -> tuple[Sequence[Grant], str]:
        """Those about ``patient`` and for ``user_id`` where given, ordered by id, from the one after ``after`` on; and
        the id to go on after, "" at the end. There may be fewer than ``limit`` before the end."""

    def versions(self, tenant: str, id: str, limit: int) -> Sequence[Approved]:
        """The approved versions, the newest first."""

    def version(self, tenant: str, id: str, version: int) -> Approved | None: ...

    def add(self, tenant: str, grant: Grant) -> None:
        """Keep a new one, PROPOSED."""

    def wait(self, tenant: str, grant: Grant, waiting: Waiting) -> None:
        """Let a further version of an ACTIVE grant wait. Conflict where one waits already."""

    def approve(self, tenant: str, grant: Grant, by: str, now: int) -> None:
        """All at once: what waits holds, is kept as a version, and is what decisions read. Conflict also where ``by``
        proposed it or is the grantee, and where it expired."""

    def withdraw(self, tenant: str, grant: Grant, by: str, now: int) -> None:
        """Let what waits go: a PROPOSED grant is WITHDRAWN, an ACTIVE one stays as it is."""

    def revoke(self, tenant: str, grant: Grant, by: str, now: int) -> None:
        """All at once: an ACTIVE grant, whichever version holds by now, and what waits are over, and decisions read
        nothing of it any more."""
