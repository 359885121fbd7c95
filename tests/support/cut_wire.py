"""A TCP relay that loses what it is told to, where a test needs a network that fails at the worst moment."""

from __future__ import annotations

import contextlib
import socket
import threading
from enum import Enum
from typing import Self


class Fault(Enum):
    """What befalls the next bytes; cutting happens once."""

    NONE = "pass everything on"
    CUT_REQUEST = "cut when the client sends, before the server has it"
    CUT_ANSWER = "cut when the server answers, before the client has it"
    SWALLOW = "keep connections open and pass nothing on"


class CutWire:
    """Relays 127.0.0.1:``port`` to ``target`` until left."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.fault = Fault.NONE
        self.connections = 0
        self._sockets: list[socket.socket] = []

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end(self._listener, *self._sockets)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
                self.connections += 1
                self._sockets += [client, server]
                threading.Thread(target=self._relay, args=(client, server, Fault.CUT_REQUEST), daemon=True).start()
                threading.Thread(target=self._relay, args=(server, client, Fault.CUT_ANSWER), daemon=True).start()

    def _relay(self, source: socket.socket, sink: socket.socket, cut: Fault) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if self.fault is cut:
                    self.fault = Fault.NONE
                    break
                if self.fault is not Fault.SWALLOW:
                    sink.sendall(data)
        self._end(source, sink)

    @staticmethod
    def _end(*sockets: socket.socket) -> None:
        for each in sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
