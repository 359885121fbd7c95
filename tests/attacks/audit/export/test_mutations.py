"""Any byte flipped, cut or added, any file dropped, doubled or moved: never exit status 0, never a traceback."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from phivault.audit.export.segments import MAX_LINES, encode_object, pack, unpack
from phivault.audit.verify.export import verify
from phivault.errors import IntegrityError, InvalidInput
from tests.support.exports import Memory, export, resigned, trail

LOG = trail(300, writers=3, per_minute=2, lifetime=40)
FILES = {tenant: export(LOG, tenant=tenant) for tenant in ("", "north")}
SEGMENT, OBJECTS = "segments/000000000000.ndjson.zst", "objects/000000000000.ndjson.zst"
PATHS = sorted(FILES[""])
FREELY = settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)


@dataclass
class Change:
    """The files of an export, and those after some were changed."""

    whole: dict[str, bytes]
    files: dict[str, bytes]

    def __repr__(self) -> str:
        paths = sorted({*self.whole, *self.files})
        return f"<changed: {[path for path in paths if self.files.get(path) != self.whole.get(path)]}>"


@st.composite
def mutations(draw: st.DrawFn) -> Change:
    """One to three changes."""
    whole = FILES[draw(st.sampled_from(("", "north")))]
    files = dict(whole)
    for _ in range(draw(st.integers(1, 3))):
        path, other = draw(st.sampled_from(PATHS)), draw(st.sampled_from(PATHS))
        body = files.get(path, b"")
        at = draw(st.integers(0, max(len(body) - 1, 0)))
        much = draw(st.integers(1, 64))
        flipped = body[:at] + bytes([body[at] ^ 1 << much % 8]) + body[at + 1 :] if body else b"x"
        files |= draw(
            st.sampled_from(
                [
                    {path: flipped},
                    {path: body[:at]},
                    {path: body[:at] + body[at + much :]},
                    {path: body[:at] + draw(st.binary(min_size=1, max_size=64)) + body[at:]},
                    {path: body + body},
                    {path: files.get(other, b""), other: body},
                    {f"{path}{draw(st.sampled_from(('x', '/', '.p/1')))}": body},
                ]
            )
        )
        if draw(st.booleans()) and draw(st.booleans()):
            files.pop(path, None)
    return Change(whole, files)


def refused(files: dict[str, bytes], *, quick: bool) -> bool:
    try:
        return not verify(Memory(files), LOG.keys.trust, quick=quick).valid
    except InvalidInput:
        return True


def lines(files: dict[str, bytes]) -> list[bytes] | None:
    try:
        return unpack(files.get(SEGMENT, b""), MAX_LINES)
    except IntegrityError:
        return None


@FREELY
@given(mutations())
def test_no_changed_export_is_valid(change: Change) -> None:
    for quick in (False, True):
        assert refused(change.files, quick=quick) != (change.files == change.whole)


@FREELY
@given(mutations())
def test_no_other_log_is_valid_even_if_signed(change: Change) -> None:
    """Who holds the log's key can sign any files, but not give the tree that was witnessed other lines or tiles. (Older
    checkpoints can be left out, up to three hours of them.)"""
    whole, files = change.whole, change.files
    assume("checkpoint" in files)
    seen = {path for path in {*whole, *files} if path.startswith("tile") or path == "checkpoint"}
    assume(lines(files) != lines(whole) or any(files.get(path) != whole.get(path) for path in seen))
    kept = {path: body for path, body in files.items() if not path.startswith("manifest")}
    assert refused(resigned(kept | {"manifest.json": whole["manifest.json"]}, LOG.keys), quick=False)


@FREELY
@given(st.lists(st.integers(0, 299), max_size=300) | st.permutations(range(300)))
def test_lines_reordered_dropped_or_doubled(order: list[int]) -> None:
    assume(order != list(range(300)))
    other = FILES[""] | {SEGMENT: pack(LOG.lines[at] for at in order)}
    assert refused(resigned(other, LOG.keys), quick=False)


@FREELY
@given(st.permutations(range(len(LOG.objects))), st.integers(1, len(LOG.objects)))
def test_objects_reordered_or_dropped(order: list[int], kept: int) -> None:
    assume(order[:kept] != list(range(len(LOG.objects))))
    other = FILES[""] | {OBJECTS: pack(encode_object(LOG.objects[at]) for at in order[:kept])}
    assert refused(resigned(other, LOG.keys), quick=False)


@pytest.mark.parametrize("tenant", ["", "north"])
def test_the_untouched_are_valid(tenant: str) -> None:
    for quick in (False, True):
        assert verify(Memory(FILES[tenant]), LOG.keys.trust, quick=quick).valid
