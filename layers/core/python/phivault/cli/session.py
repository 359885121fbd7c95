"""The session that ``phivault login`` keeps: its refresh token, in a file that its owner alone reads.

``$XDG_STATE_HOME/phivault/session.json``, else under ``~/.local/state``. Access tokens are kept nowhere.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from phivault.errors import InvalidCredentials, Unavailable


@dataclass(frozen=True, slots=True)
class Session:
    """``api`` is the address before ``/v1``."""

    api: str
    refresh_token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SessionFile:
    """A write replaces the file as a whole: after a crash there is the old session or the new one."""

    path: Path

    def read(self) -> Session:
        """Raises InvalidCredentials where nobody is signed in, or the file isn't its owner's alone."""
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW)
        except OSError:
            raise InvalidCredentials("Nobody is signed in: phivault login --api URL") from None
        with os.fdopen(descriptor, encoding="utf-8") as file:
            kept = os.fstat(descriptor)
            if kept.st_uid != os.geteuid() or kept.st_mode & 0o077:
                raise InvalidCredentials("The session's file is open to others: phivault login --api URL")
            try:
                document = json.load(file)
                return Session(str(document["api"]), str(document["refresh_token"]))
            except (ValueError, KeyError, TypeError):
                raise InvalidCredentials("The session's file is broken: phivault login --api URL") from None

    def write(self, session: Session) -> None:
        """Durably, or raise Unavailable and leave the one before."""
        self._folder()
        beside = self.path.with_name(f".{self.path.name}.{secrets.token_hex(8)}")
        text = json.dumps({"api": session.api, "refresh_token": session.refresh_token})
        try:
            try:
                descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
                with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                    file.write(text)
                    file.flush()
                    os.fsync(descriptor)
                beside.replace(self.path)
            finally:
                beside.unlink(missing_ok=True)
            folder = os.open(self.path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError:
            raise Unavailable(f"{self.path} can't be written") from None

    def forget(self) -> None:
        self.path.unlink(missing_ok=True)

    @contextmanager
    def locked(self) -> Iterator[SessionFile]:
        """While one command is inside, others wait."""
        self._folder()
        lock = os.open(self.path.with_name("session.lock"), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield self
        finally:
            os.close(lock)

    def _folder(self) -> None:
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError:
            raise Unavailable(f"{self.path.parent} can't be made") from None


def sessions() -> SessionFile:
    named = os.environ.get("XDG_STATE_HOME", "")
    state = Path(named) if named.startswith("/") else Path.home() / ".local" / "state"
    return SessionFile(state / "phivault" / "session.json")
