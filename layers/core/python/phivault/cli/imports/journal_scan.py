"""What a scan of a folder notes in its journal: every resource, what it is called and what it refers to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from typing import Final

from phivault.cli.imports.journal_file import JournalFile
from phivault.cli.imports.links import Linked
from phivault.cli.imports.scan import Place
from phivault.errors import InvalidInput

GONE: Final = "It refers to a resource that was refused"
MISSING: Final = "It refers to a resource that isn't in the folder"
TWICE: Final = "Another resource in the folder has the same type and id, or the same fullUrl"

type Item = tuple[int, Place, Linked | str]
"""A line's or entry's number, its place, and the resource there or why there is none."""


class Changed(InvalidInput):
    """What isn't refused isn't as it was: at this line or entry of this file, 0 where the whole file isn't."""

    def __init__(self, file: int, number: int) -> None:
        super().__init__("The folder has changed since the import began")
        self.file, self.number = file, number


class Scanned(JournalFile):
    """Every public method is one transaction."""

    def take_file(self, file: int, found: Iterable[Item], fails: type[Exception]) -> None:
        """Note everything that a file has, or of a file that raises ``fails`` that alone."""
        with self.transaction():
            self.db.execute("SAVEPOINT file")
            try:
                for number, place, one in found:
                    self._note(file, number, place, one)
            except fails as error:
                self.db.execute("ROLLBACK TO file")
                self._refuse(file, 0, str(error))
            self.db.execute("RELEASE file")
            self.note("scanned", file)

    def take_again(self, files: Iterable[tuple[int, str, Iterable[Item]]], unknown: str) -> int:
        """Note anew what was refused, as it stands in the files now, so that it is sent again: how many lines and
        entries. ``files`` are all of them, each with its number and mark. What was refused for the reason ``unknown``
        stays so: it may be there.

        Raises Changed where anything else isn't as it was; then nothing is noted.
        """
        with self.transaction():
            self.db.execute("CREATE INDEX IF NOT EXISTS resource_place ON resource (file, number)")
            refused = set(self.db.execute("SELECT DISTINCT file, number FROM refusal WHERE reason <> ?", (unknown,)))
            twice = self._at("SELECT file, number, digest FROM resource WHERE state = 'same'")
            self._forget(refused | twice.keys(), unknown)
            for file, mark, found in files:
                self._take_file_again(file, found, refused, twice)
                self.note(f"file {file}", mark)
            self.db.execute("DELETE FROM about WHERE name = 'finished'")
            self._join()
        return len(refused)

    def _forget(self, places: Iterable[tuple[int, int]], unknown: str) -> None:
        """What stood at these places, refused or the same as another one, which is found anew, too."""
        some = list(places)
        self.db.execute("DELETE FROM refusal WHERE reason <> ?", (unknown,))
        for table in ("name", "need", "resource"):
            self.db.executemany(
                f"DELETE FROM {table} WHERE n IN (SELECT n FROM resource"  # noqa: S608  # nosec B608  # our words
                " WHERE file = ? AND number = ? AND state IN ('refused', 'same'))",
                some,
            )

    def _take_file_again(
        self, file: int, found: Iterable[Item], refused: Set[tuple[int, int]], twice: Mapping[tuple[int, int], bytes]
    ) -> None:
        held = "SELECT file, number, iif(state = 'refused', NULL, digest) FROM resource WHERE file = ?"
        kept = self._at(held, file)
        left = {place for place, digest in kept.items() if digest}
        self.db.execute("SAVEPOINT file")
        try:
            for number, place, one in found:
                at, digest = (file, number), None if isinstance(one, str) else one.digest
                stood = kept.get(at) or twice.get(at)
                if (stood is not None and digest != stood) or not (at in kept or stood or refused & {at, (file, 0)}):
                    raise Changed(file, number)
                if at not in kept:
                    self._note(file, number, place, one)
                else:
                    moved = (place.offset, place.length, file, number)
                    self.db.execute("UPDATE resource SET offset = ?, length = ? WHERE file = ? AND number = ?", moved)
                left.discard(at)
        except Changed:
            raise
        except InvalidInput as error:
            if kept or not refused & {(file, 0)}:
                raise Changed(file, 0) from None
            self.db.execute("ROLLBACK TO file")
            self._refuse(file, 0, str(error))
        self.db.execute("RELEASE file")
        if left:
            raise Changed(file, min(left)[1])

    def _at(self, query: str, *given: object) -> dict[tuple[int, int], bytes]:
        return {(file, number): value for file, number, value in self.db.execute(query, given)}

    def _note(self, file: int, number: int, place: Place, one: Linked | str) -> None:
        if isinstance(one, str):
            self._refuse(file, number, one)
        else:
            self._take(file, number, place, one)

    def _take(self, file: int, number: int, place: Place, one: Linked) -> None:
        for name in one.names:
            held = self.db.execute(
                "SELECT digest, n FROM name JOIN resource USING (n) WHERE name.name = ?", (name,)
            ).fetchone()
            if held is not None:
                if held[0] != one.digest:
                    self._refuse(file, number, TWICE)
                    return
                self._insert(file, number, place, one, "same")
                self._call(held[1], one.names)
                return
        n = self._insert(file, number, place, one, "waiting")
        self._call(n, one.names)
        self.db.executemany("INSERT INTO need VALUES (?, ?, ?)", [(n, *need) for need in one.needs.items()])

    def _call(self, n: int, names: Iterable[bytes]) -> None:
        self.db.executemany("INSERT OR IGNORE INTO name VALUES (?, ?)", [(name, n) for name in names])

    def _insert(self, file: int, number: int, place: Place, one: Linked, state: str) -> int:
        made = self.db.execute(
            "INSERT INTO resource (file, number, offset, length, type, rank, digest, state)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (file, number, place.offset, place.length, one.type, one.rank, one.digest, state),
        )
        return int(made.lastrowid or 0)

    def join(self) -> None:
        """Once all files are noted: lead every reference to its resource, and find who waits for nobody."""
        with self.transaction():
            self._join()

    def _join(self) -> None:
        self.db.execute("DELETE FROM need WHERE NOT must AND name NOT IN (SELECT name FROM name)")
        lost = self.db.execute(
            "SELECT DISTINCT n FROM need JOIN resource USING (n)"
            " WHERE state = 'waiting' AND name NOT IN (SELECT name FROM name)"
        ).fetchall()
        self._refuse_all([n for (n,) in lost], MISSING)
        gone = self.db.execute(
            "SELECT DISTINCT need.n FROM need JOIN resource USING (n) JOIN name USING (name)"
            " JOIN resource AS other ON other.n = name.n WHERE resource.state = 'waiting' AND other.state = 'refused'"
        ).fetchall()
        self._refuse_all([n for (n,) in gone], GONE)
        self.db.execute(
            "UPDATE resource SET waits = (SELECT count(DISTINCT name.n) FROM need JOIN name USING (name)"
            " JOIN resource AS other ON other.n = name.n WHERE need.n = resource.n AND other.state <> 'done')"
            " WHERE state = 'waiting'"
        )
        self.db.execute("UPDATE resource SET state = 'ready' WHERE state = 'waiting' AND NOT waits")
        self.note("joined", 1)

    def _refuse_all(self, ns: list[int], reason: str) -> None:
        while ns:
            following: list[int] = []
            for n in ns:
                changed = self.db.execute(
                    "UPDATE resource SET state = 'refused' WHERE n = ? AND state <> 'refused' RETURNING file, number",
                    (n,),
                ).fetchall()
                for file, number in changed:
                    self._refuse(file, number, reason)
                    following += self._waiting_for(n)
            ns, reason = following, GONE

    def _waiting_for(self, n: int) -> list[int]:
        found = self.db.execute(
            "SELECT need.n FROM name JOIN need USING (name) JOIN resource ON resource.n = need.n"
            " WHERE name.n = ? AND resource.state IN ('waiting', 'ready')",
            (n,),
        )
        return [other for (other,) in found]

    def _refuse(self, file: int, number: int, reason: str) -> None:
        self.db.execute("INSERT INTO refusal VALUES (?, ?, ?)", (file, number, reason))
