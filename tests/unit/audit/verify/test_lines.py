"""The expression of a line accepts exactly what the parser accepts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phivault.audit.canonical import MAX_LINE, NO_HASH, EventLine, Genesis, encode, parse
from phivault.audit.export.segments import Withheld, encode_withheld, parse_withheld
from phivault.audit.verify.finding import Findings, Step
from phivault.audit.verify.lines import accepts, read_lines
from phivault.errors import IntegrityError
from tests.support.audit_lines import event_lines
from tests.support.exports import Generator, canonical

VECTORS = json.loads(Path("tests/vectors/audit/lines.json").read_text())
GENESIS = encode(Genesis(writer="a" * 32, timestamp="2026-03-04T05:06:07.089Z"))
NAMED = encode(
    Genesis(
        writer="a" * 32,
        timestamp="2026-03-04T05:06:07.089Z",
        predecessor="b" * 32,
        predecessor_sequence=2**53 - 1,
        predecessor_hash="c" * 64,
    )
)
WITHHELD = encode_withheld(Withheld("a" * 32, 7, "b" * 64, "c" * 64))
EVENTS = Generator(per_minute=50).minute(50).lines


def parses(line: bytes) -> bool:
    try:
        (parse_withheld if b'"kind":"withheld"' in line else parse)(line)
    except IntegrityError:
        return False
    return True


def reads(*lines: bytes) -> bool:
    """Whether a segment of these lines has nothing to find at V4."""
    found = Findings()
    read_lines(
        found, 0, b"".join(line + b"\n" for line in lines), len(lines), "north" if b"withheld" in lines[0] else ""
    )
    return not found.counts


@given(event_lines())
def test_accepts_what_a_recorder_can_write(line: EventLine) -> None:
    assert accepts(encode(line))
    assert reads(encode(line))


@pytest.mark.parametrize("line", [GENESIS, NAMED, WITHHELD, *EVENTS[:3]])
def test_accepts_every_kind(line: bytes) -> None:
    assert parses(line)
    assert accepts(line)
    assert reads(line)


@settings(max_examples=1500, deadline=None)
@given(data=st.data())
def test_agrees_with_the_parser_about_every_change(data: st.DataObject) -> None:
    line = data.draw(st.sampled_from([GENESIS, NAMED, WITHHELD, *EVENTS]))
    for _ in range(data.draw(st.integers(1, 2))):
        at = data.draw(st.integers(0, len(line) - 1))
        much = data.draw(st.sampled_from((0, 1, 2, 3, 9)))
        other = data.draw(
            st.sampled_from(
                (b"", b"0", b"-", b"-1", b'"', b",", b"\\", b"\n", b" ", b"A", b"\xff", b"true", b"null", b"1e1")
            )
            | st.binary(max_size=4)
        )
        line = line[:at] + other + line[at + much :] or b"x"
    assert accepts(line) == reads(line) == parses(line)


@settings(max_examples=600, deadline=None)
@given(data=st.data())
def test_agrees_with_the_parser_about_every_value(data: st.DataObject) -> None:
    """Whole values, which changes of a few bytes never empty: of one field another's, none, or one cut short."""
    line = data.draw(st.sampled_from([GENESIS, NAMED, WITHHELD, *EVENTS]))
    members = json.loads(line)
    name = data.draw(st.sampled_from(sorted(members)))
    values = [*members.values(), "", None, [], {}, 0, -1, True, [""], "0" * 64, "g" * 64, "A" * 32]
    if isinstance(members[name], str):
        values += [members[name][:-1], members[name] + "0", members[name].upper()]
    line = canonical(members | {name: data.draw(st.sampled_from(values))})
    assert accepts(line) == reads(line) == parses(line)


@pytest.mark.parametrize("line", [GENESIS, NAMED, WITHHELD, EVENTS[1]], ids=["genesis", "named", "withheld", "event"])
def test_agrees_with_the_parser_about_every_empty_value(line: bytes) -> None:
    members = json.loads(line)
    for name in members:
        changed = canonical(members | {name: ""})
        assert accepts(changed) == reads(changed) == parses(changed), name


@given(st.integers(-(2**54), 2**54) | st.sampled_from((0, 1, 2**53 - 1, 2**53, 10**15, 10**15 - 1)))
def test_agrees_with_the_parser_about_numbers(number: int) -> None:
    line = EVENTS[1]
    for name in (b'"version":', b'"sequence":'):
        start = line.index(name) + len(name)
        changed = line[:start] + str(number).encode() + line[line.index(b",", start) :]
        assert accepts(changed) == parses(changed)


@pytest.mark.parametrize("size", [MAX_LINE - 1, MAX_LINE, MAX_LINE + 1])
def test_agrees_with_the_parser_about_the_longest_line(size: int) -> None:
    line = EVENTS[1]
    gap = size - len(line)
    personal = min(2800 - 428, gap)
    line = line.replace(b'"personal":"', b'"personal":"' + b"A" * personal)
    for name in (b'"request_id":"', b'"session":"', b'"user_id":"', b'"resource_id":"', b'"personal_ref":"'):
        line = line.replace(name, name + b"a" * min(90, size - len(line)))
    assert len(line) == size
    assert accepts(line) == parses(line) == reads(line) == (size <= MAX_LINE)


@pytest.mark.parametrize("vector", VECTORS["refused"], ids=lambda vector: str(vector.get("name", ""))[:40])
def test_refuses_the_published_vectors(vector: dict[str, str]) -> None:
    line = bytes.fromhex(vector["hex"]) if "hex" in vector else vector["line"].encode()
    assert not accepts(line)
    assert b"\n" in line or not reads(line)


@given(st.lists(st.sampled_from(EVENTS), min_size=1, max_size=8), st.data())
def test_finds_the_one_line_that_is_wrong(lines: list[bytes], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(lines) - 1))
    lines[at] = lines[at].replace(b'"writer":"', b'"writer":"!')
    found = Findings()
    read_lines(found, 1000, b"".join(line + b"\n" for line in lines), len(lines), "")
    assert [(each.step, each.leaf) for each in found.kept] == [(Step.LINES, 1000 + at)]


def test_a_quote_that_spans_two_lines_makes_neither_valid() -> None:
    """The fields that are only delimited at first could swallow a newline."""
    first, second = EVENTS[1], EVENTS[2]
    cut = first.index(b'"personal":"') + 20
    merged = first[:cut] + b"\n" + second
    found = Findings()
    read_lines(found, 0, merged + b"\n", 2, "")
    assert [each.leaf for each in found.kept] == [0]


def test_reads_columns_across_blocks() -> None:
    lines = Generator(per_minute=3000).minute(3000).lines
    taken = read_lines(Findings(), 0, b"".join(line + b"\n" for line in lines), 3000, "")
    assert len(taken.data) > 1 << 20  # more than one block
    for at in (0, 1, 700, 2999):
        members = json.loads(lines[at])
        assert taken.data[taken.offsets[at] : taken.offsets[at + 1] - 1] == lines[at]
        assert (taken.writers[at], taken.sequences[at], taken.prevs[at]) == (
            members["writer"],
            members["sequence"],
            members.get("prev", ""),
        )
        assert taken.event(at) == members.get("id", "")
    assert NO_HASH not in taken.hashes
