"""Build an export from the published log and the bucket's listing.

It copies what is stored and judges nothing: an altered log is exported as it stands, for its verifier to find. What
can't be shown in the format ends the export. Holds one segment in memory.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final, Protocol

from phivault.audit.export import layout
from phivault.audit.export.ahead import ahead
from phivault.audit.export.manifest import File, Manifest, Segment, WitnessIdentity, encode, signed_text
from phivault.audit.export.objects import Line, Listing, Matcher, entry_of
from phivault.audit.export.readme import readme
from phivault.audit.export.segments import encode_object, encode_withheld, pack, withhold
from phivault.audit.export.start import Start, start_of
from phivault.audit.log import checkpoint as checkpoints
from phivault.audit.log import merkle
from phivault.audit.log.note import Note, VerifierKey, sign
from phivault.audit.log.store import EventObjects, LogReader, Signer
from phivault.audit.log.tiles import WIDTH, bundles_of, decode_entries
from phivault.audit.tenants import UNKNOWN, attests
from phivault.errors import IntegrityError, NotFound, Unavailable

MAX_UNSEALED: Final = layout.SEGMENT
"""Objects listed as unsealed; one is enough to make an export invalid."""

_PAUSES: Final = (0.0, 0.5, *(1.0 for _ in range(29)))
_COARSE: Final = timedelta(seconds=2)  # S3 tells an object's time in whole seconds, rounded down


class Sink(Protocol):
    """Where an export is written. Obligations: ``put`` returns once the file is stored under its path, whole, and
    nothing stood there before; it is called from several threads. Raises Conflict, Unavailable."""

    def put(self, path: str, body: bytes) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """Whose log it is: the log's key, under the log's origin as its name, its witness, and the accounts of both."""

    signer: Signer
    log_key: VerifierKey
    witness_key: VerifierKey
    log_account: str = ""
    witness_account: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to export: ``tenant`` "" is the whole log; lines before leaf ``since`` may be left out. Whatever was stored
    before ``sealed_at`` ought to be in the log."""

    id: str
    sealed_at: datetime
    tenant: str = ""
    since: int = 0


@dataclass(frozen=True, slots=True)
class Head:
    """The checkpoint that an export shows."""

    note: bytes
    size: int
    witnessed_at: datetime


def head_of(log: LogReader, authority: Authority, sleep: Callable[[float], None] = time.sleep) -> Head:
    """The newest checkpoint, once it is witnessed: it is so within a second or two of its publication, unless the
    witness is out of reach. Raises Unavailable where that takes longer than half a minute."""
    for pause in _PAUSES:
        sleep(pause)
        note = log.checkpoint()
        verified = checkpoints.verify(note, authority.log_key, authority.witness_key)
        if verified.witnessed_at is None:
            continue
        if not 0 < verified.checkpoint.size <= layout.MAX_SIZE:
            raise IntegrityError("A log of this size can't be exported")
        return Head(note, verified.checkpoint.size, datetime.fromtimestamp(verified.witnessed_at, UTC))
    raise Unavailable("The newest checkpoint isn't witnessed yet")


def build(
    order: Order,
    log: LogReader,
    objects: EventObjects,
    sink: Sink,
    authority: Authority,
    *,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    sleep: Callable[[float], None] = time.sleep,
) -> Manifest:
    """Write the whole export. The manifest comes last: without it a folder is no export.

    Raises IntegrityError where the log can't be shown, NotFound where a part of it is missing or it has no line of the
    tenant, Unavailable.
    """
    head = head_of(log, authority, sleep)
    export = _Export(order, log, objects, _Counted(sink), authority, head)
    return export.write(now())


def lines_of(log: LogReader, start: int, size: int) -> Iterator[bytes]:
    """The log's lines from leaf ``start``, the first of a bundle, to ``size``."""

    def read(path: str, width: int) -> list[bytes]:
        entries = decode_entries(log.tile(path))
        if len(entries) != width:
            raise IntegrityError(f"{path} has another number of entries than its name tells")
        return entries

    bundles = islice(bundles_of(size), start // WIDTH, None)
    for entries in ahead(lambda bundle: read(bundle.path, bundle.width), bundles):
        yield from entries


class _Counted:
    """A sink that remembers what was put."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self.files: dict[str, File] = {}

    def put(self, path: str, body: bytes) -> None:
        layout.check_path(path)
        self._sink.put(path, body)
        if path not in layout.UNLISTED:
            self.files[path] = File(hashlib.sha256(body).hexdigest(), len(body))


@dataclass(frozen=True, slots=True)
class _Export:
    order: Order
    log: LogReader
    objects: EventObjects
    sink: _Counted
    authority: Authority
    head: Head

    def write(self, at: datetime) -> Manifest:
        self._check_tenant()
        start = start_of(self.order.since, self.head.size, list(self._checkpoints()))
        self._fixed(start)
        for _ in ahead(self._tile, layout.tile_paths(self.head.size)):
            pass
        segments = self._lines(start)
        return self._manifest(start, segments, at)

    def _check_tenant(self) -> None:
        """Before anything is written, and by all of the log: a tenant may have no line from ``since`` on."""
        tenant = self.order.tenant
        if tenant and not any(attests(line, tenant) for line in lines_of(self.log, 0, self.head.size)):
            raise NotFound(UNKNOWN)

    def _fixed(self, start: Start) -> None:
        self.sink.put(layout.CHECKPOINT, self.head.note)
        self.sink.put(layout.LOG_KEY, self.authority.log_key.vkey.encode() + b"\n")
        self.sink.put(layout.WITNESS_KEY, self.authority.witness_key.vkey.encode() + b"\n")
        origin, tenant = self.authority.log_key.name, self.order.tenant
        self.sink.put(layout.README, readme(origin=origin, tenant=tenant, first=start.first, size=self.head.size))

    def _checkpoints(self) -> Iterator[tuple[str, int]]:
        """Copies them all; hour and size of those that are genuine."""
        for hour, note in self.log.checkpoints():
            self.sink.put(layout.checkpoint_path(hour), note)
            try:
                verified = checkpoints.verify(note, self.authority.log_key, self.authority.witness_key)
            except IntegrityError:
                continue  # for the verifier to find
            if verified.witnessed_at is not None:
                yield hour, verified.checkpoint.size

    def _tile(self, path: str) -> None:
        self.sink.put(path, self.log.tile(path))

    def _lines(self, start: Start) -> tuple[Segment, ...]:
        listing = Listing(self.objects, start.listed)
        matcher = Matcher(listing)
        lines = lines_of(self.log, start.scanned, self.head.size)
        for leaf in range(start.scanned, start.first):
            matcher.feed(leaf, Line.read(next(lines)))
        matcher.take(start.first)
        segments: list[Segment] = []
        for first in range(start.first, self.head.size, layout.SEGMENT):
            segments.append(self._segment(first, lines, matcher))
            if first > start.first:  # an object that began in the segment before has ended in this one
                self._objects(first - layout.SEGMENT, matcher)
        matcher.finish()
        self._objects(segments[-1].first, matcher)
        self._unsealed(listing, start)
        return tuple(segments)

    def _segment(self, first: int, lines: Iterator[bytes], matcher: Matcher) -> Segment:
        count = min(layout.SEGMENT, self.head.size - first)
        shown: list[bytes] = []
        hashes: list[bytes] = []
        for leaf, raw in enumerate(islice(lines, count), first):
            line = Line.read(raw)
            matcher.feed(leaf, line)
            hashes.append(merkle.leaf_hash(raw))
            shown.append(self._shown(leaf, line))
        self.sink.put(layout.lines_path(first), pack(shown))
        return Segment(first, count, layout.lines_path(first), layout.objects_path(first), merkle.root(hashes).hex())

    def _shown(self, leaf: int, line: Line) -> bytes:
        """The line, or what stands for it in an export that another tenant gets."""
        if b"\n" in line.raw:
            raise IntegrityError(f"Leaf {leaf} of the log is not a line")
        if not self.order.tenant or line.genesis or line.tenant == self.order.tenant:
            return line.raw
        if line.place is None:
            raise IntegrityError(f"Leaf {leaf} of the log is not a line")
        return encode_withheld(withhold(line.raw, *line.place))

    def _objects(self, first: int, matcher: Matcher) -> None:
        found = matcher.take(first + layout.SEGMENT)
        found = [entry for entry in found if entry.first is not None and entry.first >= first]
        self.sink.put(layout.objects_path(first), pack(map(encode_object, found)))

    def _unsealed(self, listing: Listing, start: Start) -> None:
        before = _stamp(min(self.head.witnessed_at, self.order.sealed_at) - _COARSE)
        left = (stored for stored in listing.rest() if stored.modified < before and stored.key[3:] >= start.sure)
        found = sorted(left, key=lambda stored: stored.key)[:MAX_UNSEALED]
        self.sink.put(layout.UNSEALED, pack(encode_object(entry_of(stored)) for stored in found))

    def _manifest(self, start: Start, segments: tuple[Segment, ...], at: datetime) -> Manifest:
        authority = self.authority
        manifest = Manifest(
            id=self.order.id,
            created=_stamp(at),
            origin=authority.log_key.name,
            tenant=self.order.tenant,
            first=start.first,
            size=self.head.size,
            checkpoint=hashlib.sha256(self.head.note).hexdigest(),
            witness=WitnessIdentity(authority.witness_key.name, authority.witness_account, authority.log_account),
            segments=segments,
            files=self.sink.files,
        )
        data = encode(manifest)
        text = signed_text(manifest.origin, data)
        signature = sign(text, manifest.origin, authority.signer)
        self.sink.put(layout.SIGNATURE, Note(text, (signature,)).encode())
        self.sink.put(layout.MANIFEST, data)
        return manifest


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
