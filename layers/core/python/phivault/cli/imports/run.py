"""Both passes over a folder."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from phivault.cli.imports.chunk import MAX_ENTRIES, Chunk, Sources, fitting
from phivault.cli.imports.journal import Journal, Row
from phivault.cli.imports.journal_scan import GONE, Changed, Item
from phivault.cli.imports.links import Linked, Names
from phivault.cli.imports.send import LONGEST_CALL, Made, Refused, Sender
from phivault.cli.imports.source import Found, resources
from phivault.errors import InvalidInput, Unavailable
from phivault.records.idempotency import LIFE_DAYS

_CHANGED = (
    "The folder has changed since the import began: where only what was refused was corrected, say --retry-refused;"
    " else begin anew with another journal"
)
_TOO_MANY = "More resources refer to each other than one transaction holds"
FORGOTTEN: Final = "It was sent days ago and no answer came; the server no longer knows whether it was done: look there"
_KNOWN_SECONDS: Final = (LIFE_DAYS - 1) * 86_400
"""After it a chunk isn't sent again: the server might have forgotten its key by then, and would do it twice. The day is
for outages that are waited for, and for clocks that are set."""


class Progress(Protocol):
    """Where a run tells how far it is."""

    def scanned(self, size: int) -> None:
        """So many bytes more were scanned."""

    def sent(self, counts: dict[str, int]) -> None:
        """How many resources are in which state."""


def scan(journal: Journal, files: Sequence[Path], progress: Progress) -> None:
    """Note what all files hold, as far as it isn't yet. Raises InvalidInput where a file changed since."""
    salt, scanned = journal.noted("salt"), journal.noted("scanned")
    if journal.noted("files") not in (None, len(files)):
        raise InvalidInput(_CHANGED)
    journal.note("files", len(files))
    for number, path in enumerate(files):
        mark, name = _mark(path), f"file {number}"
        if isinstance(scanned, int) and number <= scanned:
            if journal.noted(name) != mark:
                raise InvalidInput(_CHANGED)
        else:
            journal.note(name, mark)
            journal.take_file(number, _items(salt, number, path), InvalidInput)
        progress.scanned(path.stat().st_size)
    if not journal.noted("joined"):
        journal.join()


def scan_again(journal: Journal, files: Sequence[Path], progress: Progress) -> int:
    """Have what was refused be sent again, as it stands in the files now: how many lines and entries. An import that
    isn't scanned yet is. Raises InvalidInput where anything else changed since."""
    if not journal.noted("joined"):
        scan(journal, files, progress)
        return 0
    if journal.noted("files") != len(files):
        raise InvalidInput(_CHANGED)
    salt = journal.noted("salt")

    def all_of() -> Iterator[tuple[int, str, Iterator[Item]]]:
        for number, path in enumerate(files):
            yield number, _mark(path), _items(salt, number, path)
            progress.scanned(path.stat().st_size)

    try:
        return journal.take_again(all_of(), FORGOTTEN)
    except Changed as error:
        place = f"line or entry {error.number} of file " if error.number else "file "
        raise InvalidInput(f"Only what was refused may change: {place}{json.dumps(files[error.file].name)}") from None


def _mark(path: Path) -> str:
    state = path.stat()
    return f"{state.st_size} {state.st_mtime_ns}"


def _items(salt: str | bytes | int | None, number: int, path: Path) -> Iterator[Item]:
    names = Names(salt if isinstance(salt, bytes) else b"", number)
    with path.open("rb") as file:
        for one in resources(file, path.name):
            yield one.number, one.place, _linked(names, one)


def _linked(names: Names, found: Found) -> Linked | str:
    if found.refused:
        return found.refused
    try:
        return names.linked(found)
    except InvalidInput as error:
        return error.detail


@dataclass(slots=True)
class Importing:
    """Sends what the journal has, ``parallel`` chunks at once of at most ``most`` resources, until nothing is left that
    could be sent."""

    journal: Journal
    sources: Sources
    sender: Sender
    progress: Progress
    parallel: int
    most: int = MAX_ENTRIES
    _parts: list[list[Row]] = field(default_factory=list)

    def run(self) -> None:
        """Raises what ends an import early; what the journal says then is where it goes on."""
        flying: dict[Future[Made | Refused], Chunk] = {}
        left = self._left()
        with ThreadPoolExecutor(self.parallel, thread_name_prefix="import") as threads:
            try:
                while True:
                    while len(flying) < self.parallel:
                        chunk = next(left, None) or self._part() or self._next(busy=bool(flying))
                        if chunk is None:
                            break
                        flying[threads.submit(self.sender.send, chunk.body, chunk.key)] = chunk
                    if not flying:
                        return
                    for answered in wait(flying, return_when=FIRST_COMPLETED).done:
                        self._take(flying.pop(answered), answered.result())
                        self.progress.sent(self.journal.counts())
            except BaseException:
                self.sender.stop.set()  # what flies is known to the journal, and is sent again another time
                raise

    def _left(self) -> Iterator[Chunk]:
        """Chunks of an earlier run whose answer it didn't get, exactly as they were; or in parts where they are larger
        than is asked for now, and certain not to have been done. What was sent too long ago to tell is refused."""
        waited = False
        for number, rows in self.journal.planned():
            if self.journal.seconds_since(number) > _KNOWN_SECONDS:
                self.journal.refuse(rows, FORGOTTEN)
                continue
            chunk = self.sources.chunk(number, rows, self.journal.made_for(rows))
            if chunk.circle or fitting(rows, self.most) == rows:
                yield chunk
                continue
            waited = waited or not self.sender.stop.wait(LONGEST_CALL)
            if not self.sender.is_unused(chunk.key):
                yield chunk
                continue
            left = rows
            while left:
                self._parts.append(fitting(left, self.most))
                left = left[len(self._parts[-1]) :]

    def _part(self) -> Chunk | None:
        return self._chunk(self._parts.pop()) if self._parts else None

    def _next(self, *, busy: bool) -> Chunk | None:
        rows = self.journal.ready(self.most)
        some = fitting(rows, self.most)
        # A small one may grow while others are under way; once nothing is, it goes as it is.
        if busy and len(some) == len(rows) < self.most:
            return None
        if some:
            return self._chunk(some)
        return None if busy else self._circle()

    def _circle(self) -> Chunk | None:
        while rows := self.journal.circle(MAX_ENTRIES):
            if len(rows) <= MAX_ENTRIES and len(fitting(rows, MAX_ENTRIES)) == len(rows):
                return self._chunk(rows)
            self.journal.refuse(rows, _TOO_MANY)
        return None

    def _chunk(self, rows: list[Row]) -> Chunk:
        return self.sources.chunk(self.journal.plan(rows), rows, self.journal.made_for(rows))

    def _take(self, chunk: Chunk, answer: Made | Refused) -> None:
        if isinstance(answer, Made):
            if len(answer.places) != len(chunk.rows):
                raise Unavailable("The API's answer isn't about what was sent")
            self.journal.done(zip((row.n for row in chunk.rows), answer.places, strict=True))
            return
        at_fault = None if answer.entry is None or answer.entry >= len(chunk.rows) else chunk.rows[answer.entry]
        if len(chunk.rows) == 1 or at_fault is not None:
            self.journal.refuse([at_fault or chunk.rows[0]], answer.reason)
        others = [row for row in chunk.rows if row is not at_fault]
        if chunk.circle:
            self.journal.refuse(others, GONE if at_fault else answer.reason)
        elif len(chunk.rows) > 1:
            self._split(chunk.rows, answer.entry if at_fault else None)

    def _split(self, rows: list[Row], entry: int | None) -> None:
        """What was sent together goes in two parts, without the entry at fault. Those before it were found good, but
        for what shows at the commit alone."""
        middle = len(rows) // 2 if entry is None else entry
        after = middle if entry is None else middle + 1
        self._parts += [part for part in (rows[:middle], rows[after:]) if part]
