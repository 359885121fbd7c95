"""The file of a journal: opened by one import at a time, for its owner alone."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from pathlib import Path
from typing import Final, Self

from phivault.errors import InvalidInput

_FORMAT: Final = "phivault-import/1"
_SCHEMA: Final = """
CREATE TABLE about (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE resource (
  n INTEGER PRIMARY KEY, file INTEGER NOT NULL, number INTEGER NOT NULL, offset INTEGER NOT NULL,
  length INTEGER NOT NULL, type TEXT NOT NULL, rank INTEGER NOT NULL, digest BLOB NOT NULL,
  state TEXT NOT NULL, waits INTEGER NOT NULL DEFAULT 0, chunk INTEGER, position INTEGER, made TEXT);
CREATE TABLE name (name BLOB PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE need (n INTEGER NOT NULL, name BLOB NOT NULL, must INTEGER NOT NULL, PRIMARY KEY (n, name)) WITHOUT ROWID;
CREATE TABLE refusal (file INTEGER NOT NULL, number INTEGER NOT NULL, reason TEXT NOT NULL);
CREATE INDEX resource_next ON resource (state, rank, n);
CREATE INDEX resource_chunk ON resource (chunk) WHERE state = 'planned';
CREATE INDEX need_name ON need (name);
INSERT INTO about VALUES ('format', 'phivault-import/1'), ('salt', randomblob(16));
"""


class JournalFile:
    """``db`` is there while it is open. Nothing is committed but by ``transaction`` and ``note``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = -1

    def __enter__(self) -> Self:
        """Open it, or begin it. Raises InvalidInput where another import has it open, or the file is no journal."""
        try:
            self._lock = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            raise InvalidInput("Another import of this folder is at work") from None
        except OSError:
            raise InvalidInput(f"{self.path} can't be opened") from None
        self.db = sqlite3.connect(self.path, isolation_level=None)
        try:
            self.db.execute("PRAGMA journal_mode = WAL")
            self.db.execute("PRAGMA synchronous = FULL")
            if not self.db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
                self.db.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")
            known = self.noted("format")
        except sqlite3.DatabaseError:
            known = None
        if known != _FORMAT:
            self.__exit__()
            raise InvalidInput(f"{self.path} is no journal of an import")
        return self

    def __exit__(self, *_: object) -> None:
        self.db.close()
        os.close(self._lock)

    def note(self, name: str, value: str | bytes | int) -> None:
        self.db.execute("INSERT OR REPLACE INTO about VALUES (?, ?)", (name, value))

    def noted(self, name: str) -> str | bytes | int | None:
        row = self.db.execute("SELECT value FROM about WHERE name = ?", (name,)).fetchone()
        return None if row is None else row[0]

    def transaction(self) -> _Transaction:
        return _Transaction(self.db)


class _Transaction:
    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, *_: object) -> None:
        self._db.execute("COMMIT" if kind is None else "ROLLBACK")
