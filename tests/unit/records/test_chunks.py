"""Members beyond 256 KiB: sealed in pieces, the same bytes when opened, one name for whoever looks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phivault.crypto.element import Element, Unsealed
from phivault.errors import IntegrityError
from phivault.records import chunks
from phivault.records.chunks import SIZE, in_pieces, joined, with_pieces


@pytest.mark.parametrize("size", [0, 1, SIZE - 1, SIZE, SIZE + 1, 2 * SIZE, 2 * SIZE + 1, 16 * SIZE + 2])
def test_no_piece_is_larger_and_all_together_are_the_value(size: int) -> None:
    value = bytes(range(256)) * (size // 256 + 1)
    elements = [
        Element("a", "clinical", b"1"),
        Element("data", "sensitive", value[:size]),
        Element("z", "contact", b"2"),
    ]
    pieces = list(in_pieces(elements))
    assert max(len(piece.value) for piece in pieces) <= SIZE
    assert {piece.data_class for piece in pieces if piece.name.startswith("data")} == {"sensitive"}
    assert joined(Unsealed({piece.name: piece.value for piece in pieces})) == {
        "a": b"1",
        "data": value[:size],
        "z": b"2",
    }


@given(
    sizes=st.dictionaries(st.sampled_from(["a", "b", "-c"]), st.integers(0, 9), min_size=1),
    wanted=st.sets(st.sampled_from(["a", "b", "-c", "d"])),
)
def test_names_open_with_all_that_continues_them(sizes: dict[str, int], wanted: set[str]) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(chunks, "SIZE", 3)
        pieces = list(in_pieces(Element(name, "clinical", b"x" * size) for name, size in sizes.items()))
    names = set(with_pieces(wanted, [piece.name for piece in pieces]))
    opened = joined(Unsealed({piece.name: piece.value for piece in pieces if piece.name in names}))
    assert opened == {name: b"x" * size for name, size in sizes.items() if name in wanted}


@pytest.mark.parametrize(
    "names",
    [
        ["data~1"],
        ["data", "data~2"],
        ["data", "data~2", "data~1"],
        ["data~1", "data"],
        ["data", "data~01"],
        ["data", "data~"],
        ["data", "data~1", "data~1~1"],
    ],
)
def test_pieces_that_nobody_seals_are_refused(names: list[str]) -> None:
    with pytest.raises(IntegrityError):
        joined(Unsealed(dict.fromkeys(names, b"x")))
