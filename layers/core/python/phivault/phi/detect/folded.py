"""Text as the rules read it: one form for each digit, dash and space, nothing invisible, and the way back."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

_UUID = re.compile(r"(?<![0-9A-Za-z])[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}(?![0-9A-Za-z])")
_FILLER = "_" * 36
_INVISIBLE = frozenset({"Cf", "Mn"})
_QUOTES = "‘’ʼ＇`´"


@dataclass(frozen=True, slots=True)
class Folded:
    """``text`` holds one character for each of the original that can be seen; ``places`` says where each stood, and
    ends with the original's length. None where nothing was left out."""

    text: str
    places: Sequence[int] | None

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The same span in the original, with what is invisible at its end: an accent belongs to its letter."""
        return (start, end) if self.places is None else (self.places[start], self.places[end])


def fold(text: str) -> Folded:
    """Opaque ids of our own form (UUIDs) are blanked: their digits are nobody's number."""
    if text.isascii():
        return Folded(_UUID.sub(_FILLER, text), None)
    table = _Table()
    places = None
    if any(unicodedata.category(sign) in _INVISIBLE for sign in set(text)):
        places = [at for at, sign in enumerate(text) if unicodedata.category(sign) not in _INVISIBLE]
        text, places = "".join(text[at] for at in places), [*places, len(text)]
    return Folded(_UUID.sub(_FILLER, text.translate(table)), places)


class _Table(dict[int, str]):
    """A character's plain form, one for one; kept for the length of one text."""

    def __missing__(self, point: int) -> str:
        self[point] = plain = _plain(chr(point))
        return plain


def _plain(sign: str) -> str:
    if sign.isascii():
        return sign
    if sign in _QUOTES:
        return "'"
    category = unicodedata.category(sign)
    if category == "Nd":
        return str(unicodedata.decimal(sign))
    if category in ("Zs", "Pd"):
        return " " if category == "Zs" else "-"
    other = unicodedata.normalize("NFKC", sign)
    return other if len(other) == 1 else sign
