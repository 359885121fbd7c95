"""Requests that come from elsewhere: all of 127.0.0.0/8 is this machine, and the gateway sees which address it was."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx

    from tests.support.stack import RunningStack


def somewhere() -> str:
    """An address that nobody has used yet."""
    return f"127.{secrets.randbelow(200) + 10}.{secrets.randbelow(256)}.{secrets.randbelow(254) + 1}"


def client_from(stack: RunningStack, address: str = "") -> httpx.Client:
    """A client without a token at ``address``; paths are relative to ``/v1``. Use it as a context manager."""
    import httpx

    transport = httpx.HTTPTransport(local_address=address or somewhere())
    return httpx.Client(base_url=f"{stack.base_url}/v1", timeout=30, transport=transport)
