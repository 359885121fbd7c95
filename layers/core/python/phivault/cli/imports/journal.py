"""What of an import is done: an SQLite file of mode 0600, durable at every step, that holds no PHI.

It has hashes of source names and of contents under a salt of its own, places in files, types, ids that the server gave,
and reasons as the API worded them. File names aren't in it: files are known by their order, sizes and times.

A resource is in one of these states: ``waiting`` for what it refers to, ``ready``, ``planned`` in a chunk that may have
been sent, ``done``, ``refused``, ``same`` as another one. A chunk keeps its members and their order until its answer is
known, so that it can be sent again byte for byte under the same Idempotency-Key.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from phivault.cli.imports.journal_scan import Scanned
from phivault.cli.imports.scan import Place


@dataclass(frozen=True, slots=True)
class Row:
    """A resource as the journal knows it. ``file`` is the number of its file."""

    n: int
    file: int
    number: int
    place: Place
    type: str
    digest: bytes
    made: str


_ROW: Final = "n, file, number, offset, length, type, digest, made"


class Journal(Scanned):
    """Used by one thread. Every public method is one transaction."""

    def ready(self, limit: int) -> list[Row]:
        """Those to send next, in order."""
        return self._rows("WHERE state = 'ready' ORDER BY rank, n LIMIT ?", limit)

    def circle(self, limit: int) -> list[Row]:
        """Resources that wait for nobody but each other, or themselves, where nothing else is left; of more than
        ``limit`` only so many."""
        first = self.db.execute("SELECT n FROM resource WHERE state = 'waiting' ORDER BY n LIMIT 1").fetchone()
        if first is None:
            return []
        reached = self._reached(first[0], limit)
        for n in reached if len(reached) <= limit else ():
            closer = self._reached(n, limit)
            if len(closer) < len(reached):
                reached = closer
        marks = ",".join("?" * len(reached))
        return self._rows(f"WHERE n IN ({marks}) ORDER BY rank, n", *reached)

    def _reached(self, n: int, limit: int) -> list[int]:
        """What ``n`` waits for, directly or not, itself included."""
        found = self.db.execute(
            "WITH RECURSIVE reached (n) AS (SELECT ? UNION SELECT name.n FROM reached JOIN need ON need.n = reached.n"
            " JOIN name USING (name) JOIN resource ON resource.n = name.n WHERE resource.state = 'waiting')"
            " SELECT n FROM reached LIMIT ?",
            (n, limit + 1),
        )
        return [n for (n,) in found]

    def plan(self, rows: Sequence[Row]) -> int:
        """Make a chunk of them. Its number."""
        with self.transaction():
            chunk = int(self.noted("chunks") or 0) + 1
            self.note("chunks", chunk)
            self.note(f"planned {chunk}", int(time.time()))
            self.db.executemany(
                "UPDATE resource SET state = 'planned', chunk = ?, position = ? WHERE n = ?",
                [(chunk, position, row.n) for position, row in enumerate(rows)],
            )
        return chunk

    def planned(self) -> list[tuple[int, list[Row]]]:
        """Every chunk whose answer isn't known."""
        chunks = self.db.execute(
            "SELECT DISTINCT chunk FROM resource WHERE state = 'planned' ORDER BY chunk"
        ).fetchall()
        return [
            (chunk, self._rows("WHERE state = 'planned' AND chunk = ? ORDER BY position", chunk)) for (chunk,) in chunks
        ]

    def seconds_since(self, chunk: int) -> float:
        """How long ago it was planned, and so sent at the earliest; infinite where that isn't known."""
        then = self.noted(f"planned {chunk}")
        return abs(time.time() - then) if isinstance(then, int) else math.inf

    def made_for(self, rows: Sequence[Row]) -> dict[int, dict[bytes, str]]:
        """By resource, what the server made of the names that it refers to."""
        found: dict[int, dict[bytes, str]] = {row.n: {} for row in rows}
        for row in rows:
            for name, n, made in self.db.execute(
                "SELECT need.name, name.n, made FROM need JOIN name USING (name) JOIN resource ON resource.n = name.n"
                " WHERE need.n = ?",
                (row.n,),
            ):
                found[row.n][name] = made or own_name(n)
        return found

    def done(self, made: Iterable[tuple[int, str]]) -> None:
        """What the server made of each resource, as Type/id."""
        with self.transaction():
            for n, where in made:
                self.db.execute("UPDATE resource SET state = 'done', made = ? WHERE n = ?", (where, n))
                self.db.execute(
                    "UPDATE resource SET waits = waits - 1 WHERE state = 'waiting' AND n IN"
                    " (SELECT need.n FROM name JOIN need USING (name) WHERE name.n = ?)",
                    (n,),
                )
            self.db.execute("UPDATE resource SET state = 'ready' WHERE state = 'waiting' AND waits <= 0")

    def refuse(self, rows: Sequence[Row], reason: str) -> None:
        """These, and whatever waits for them."""
        with self.transaction():
            self._refuse_all([row.n for row in rows], reason)

    def counts(self) -> dict[str, int]:
        """Resources by state; ``refused`` counts files and lines that hold none too."""
        found = dict(self.db.execute("SELECT state, count(*) FROM resource GROUP BY state").fetchall())
        found["refused"] = self.db.execute("SELECT count(*) FROM refusal").fetchone()[0]
        return found

    def kinds(self) -> dict[str, int]:
        """What is done, by type."""
        return dict(
            self.db.execute("SELECT type, count(*) FROM resource WHERE state = 'done' GROUP BY type").fetchall()
        )

    def refusals(self) -> Iterable[tuple[int, int, str]]:
        """File, line or entry, and reason."""
        return self.db.execute("SELECT file, number, reason FROM refusal ORDER BY file, number")

    def _rows(self, which: str, *given: object) -> list[Row]:
        found = self.db.execute(f"SELECT {_ROW} FROM resource {which}", given)  # noqa: S608  # nosec B608  # our words
        return [Row(n, file, number, Place(offset, length), *rest) for n, file, number, offset, length, *rest in found]


def own_name(n: int) -> str:
    """The fullUrl of a resource within the transaction that makes it."""
    return f"urn:uuid:00000000-0000-4000-8000-{n:012x}"
