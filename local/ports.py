"""Loopback sockets."""

from __future__ import annotations

import errno
import socket


class PortTaken(Exception):
    """Somebody else listens there."""


def listen(port: int) -> socket.socket:
    """A listening socket on 127.0.0.1; port 0 takes a free one. Raises PortTaken."""
    # Naming the protocol lets asyncio set TCP_NODELAY on accepted connections; without, each call waits 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(f"Port {port} is taken. Choose another one: PORT={port + 1} make run") from None
        raise
    listener.listen(128)
    return listener


def port_of(listener: socket.socket) -> int:
    port: int = listener.getsockname()[1]
    return port
