"""Calls to the database about one tenant: each is one function of the migrations, under a signed context."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, LiteralString

from phivault.adapters.postgres.connection import Connection
from phivault.adapters.postgres.context import sign
from phivault.adapters.postgres.link import Link

type Arguments = tuple[Any, ...]


class TenantCalls:
    """The connection is made at the first call.

    ``dsn`` is that of the role which may make these calls, and names the root certificate. ``context_key`` gives the id
    and the 32 bytes of the key that tenant contexts are signed with (``install_context_key``); it is asked at every
    call, so that a rotation needs no restart. One per process; threads take turns.
    """

    def __init__(self, dsn: str | Callable[[], str], context_key: Callable[[], tuple[str, bytes]]) -> None:
        self._link = Link(dsn)
        self._context_key = context_key

    def ping(self) -> None:
        """Raises Unavailable unless the database answers."""
        self._link.call("SELECT 1", lambda _: (), repeatable=True)

    def close(self) -> None:
        """Let the connection go; the next call makes another."""
        self._link.close()

    def _read(self, tenant: str, query: LiteralString, *arguments: Any) -> list[tuple[Any, ...]]:
        return self._call(tenant, query, arguments, repeatable=True)

    def _call(
        self, tenant: str, query: LiteralString, arguments: Arguments, *, repeatable: bool
    ) -> list[tuple[Any, ...]]:
        def parameters(connection: Connection) -> Arguments:
            key_id, key = self._context_key()
            info = connection.info
            context = sign(key_id, key, tenant=tenant, backend_pid=info.backend_pid, role=info.user)
            return (context, *arguments)

        return self._link.call(query, parameters, repeatable=repeatable)
