"""An ASGI application on a loopback socket, in a thread of this process."""

from __future__ import annotations

import socket
import threading
from typing import Any, Self

import uvicorn


class Server:
    def __init__(self, app: Any, listener: socket.socket) -> None:
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="off",
            timeout_graceful_shutdown=3,
            # Nothing stands before this server: a client that sends X-Forwarded-For says where it would like to be.
            proxy_headers=False,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [listener]}, daemon=True)

    def start(self) -> Self:
        """Returns at once: the socket listens already, so early callers wait instead of being refused."""
        self._thread.start()
        return self

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(5)
