"""Names of people in narrative: by titles, labels, kinship, signatures and credentials, and by common names.

The rules read words once, from left to right; a name is a run of capitalised words that something tells to be one.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from phivault.phi.detect.finding import Finding, Kind

_WORD = re.compile(r"[^\W\d_]++(?:['-][^\W\d_]++)*+")
_GAP = 12  # characters between two words of one name
_LONGEST = 5  # words of one name
_JOINED = re.compile(
    r"\.?[ \t]|\.|-|[ \t](?:(?:de|da|di|del|della|der|den|van|von|la|le|al|el|bin|binti|ibn|dos)[ \t]){1,2}"
)
_LABEL = re.compile(
    r"(?:\b(?:patient|pt|client|(?:patient |full |first |last |middle |maiden |preferred )?names?|surname|forename"
    r"|alias|re|cc|attending|consultant|physician|provider|surgeon|pcp|gp|nurse|midwife|therapist|next of kin|nok"
    r"|guardian|(?:emergency )?contact|witness|interpreter|chaperone|carer|caregiver|mother|father"
    r"|spouse|partner|author|signed"
    r"|dictated by|signed by|power of attorney|employer contact)[ \t]{0,2}(?:\([\w ]{1,20}\) ?)?[:=][ \t]{0,4}"
    r"|\b(?:dear|sincerely|regards|thank you|many thanks|signed),?\s{1,3})$",
    re.IGNORECASE,
)
_BY = re.compile(r"\b(?:by|with|from|to|for|saw|called|named|under|seeing|reviewed|met|and)[ \t]$", re.IGNORECASE)
_DONE_BY = re.compile(r"\b(?:by|with)[ \t]$", re.IGNORECASE)
_KIN_BEFORE = re.compile(r"\b([A-Za-z]{3,13})(?:,| \(|,? an?)?[ \t]?$")
_SUBJECT = re.compile(r"\b(?:patient|pt|client)[ \t]$", re.IGNORECASE)
_CREDENTIALS = re.compile(
    r",? \(?(?:M\.?D|D\.O|DO|R\.?N|NP|PA(?:-C)?|Ph\.?D|MBBS|FRC[PS]|LCSW|LPN|DPT|PharmD|DDS|CRNA|CNM|MSW|BSN|PsyD)\b"
)
_KIN_AFTER = re.compile(r" ?[(,] ?(?:his|her|the|their)? ?([a-z]+)\b")
_OF_DISEASE = re.compile(
    r"(?:'s|s')? (?:disease|syndrome|sign|test|phenomenon|palsy|lymphoma|esophagus|oesophagus|catheter|score|scale"
    r"|index|criteria|thyroiditis|fracture|monitor|drain|virus|solution|lactate|position|ulcer|encephalopathy|cell|body"
    r"|bodies|contracture|tetralogy|chorea|tumou?r|hospital|clinic|university|street|road|ward|unit)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Lists:
    given: frozenset[str]
    family: frozenset[str]
    others: frozenset[str]
    eponyms: frozenset[str]
    titles: frozenset[str]
    roles: frozenset[str]
    kin: frozenset[str]

    def is_given(self, word: str) -> bool:
        return word in self.given or ("-" in word and not self.given.isdisjoint(word.split("-")))

    def is_family(self, word: str) -> bool:
        return word in self.family or ("-" in word and not self.family.isdisjoint(word.split("-")))


@dataclass(frozen=True, slots=True)
class _Group:
    """Words beside each other that may be one name, in plain form, and the span that they take."""

    start: int
    end: int
    words: tuple[str, ...]
    titled: bool


def names(text: str) -> Iterator[Finding]:
    known = _lists()
    before: _Group | None = None  # a family name may stand before its comma
    for group in _groups(text, known):
        if before is not None and _is_reversed(text, before, group, known):
            yield Finding(Kind.NAME, before.start, group.end, 0.8)
        score = _score(text, group, known)
        if score:
            yield Finding(Kind.NAME, group.start, group.end, score)
        before = group


def _groups(text: str, known: _Lists) -> Iterator[_Group]:
    """Capitalised words that could name somebody, parted by whatever could not."""
    held: list[tuple[int, int, str]] = []
    titled, last = False, -1
    for start, end, plain in _capitalised(text):
        is_short = len(held[-1][2]) == 1 if held else titled
        joined = last >= 0 and _joins(text, last, start, is_short=is_short)
        if held and not (joined and len(held) < _LONGEST):
            yield _group(held, titled)
            held = []
        titled, last = titled and joined, end
        is_role = titled and not held and plain in known.roles
        if plain not in known.titles and plain not in known.others and not is_role:
            held.append((start, end, plain))
            continue
        if held:
            yield _group(held, titled)
            held = []
        titled = plain in known.titles or is_role
    if held:
        yield _group(held, titled)


def _capitalised(text: str) -> Iterator[tuple[int, int, str]]:
    for found in _WORD.finditer(text):
        if found[0][0].isupper():
            word = found[0].removesuffix("'s").removesuffix("'S")
            yield found.start(), found.start() + len(word), _plain(word)


def _joins(text: str, last: int, start: int, *, is_short: bool) -> bool:
    """Whether two words stand beside each other. A full stop parts them unless a title or an initial is before it."""
    if start - last > _GAP or not _JOINED.fullmatch(text, last, start):
        return False
    return is_short or text[last] != "."


def _group(held: list[tuple[int, int, str]], titled: bool) -> _Group:
    return _Group(held[0][0], held[-1][1], tuple(plain for _, _, plain in held), titled)


def _is_reversed(text: str, family: _Group, given: _Group, known: _Lists) -> bool:
    if text[family.end : given.start] != ", " or len(family.words) > 2:
        return False
    return any(map(known.is_given, given.words[:2])) or _labelled(_before(text, family))


def _score(text: str, group: _Group, known: _Lists) -> float:
    """How sure it is that this is a name; 0 where nothing says so."""
    before = _before(text, group)
    if group.titled or _labelled(before):
        return 0.9
    if _OF_DISEASE.match(text, group.end) or all(word in known.eponyms for word in group.words):
        return 0.0
    return max(_by_lists(text, group, known, before), _by_place(text, group, known, before))


def _by_lists(text: str, group: _Group, known: _Lists, before: str) -> float:
    several = len(group.words) > 1
    if any(map(known.is_given, group.words)):
        shouted = text[group.start : group.end].isupper()
        return 0.85 if several else 0.0 if shouted and not _SUBJECT.search(before) else 0.65
    if known.is_family(group.words[-1]) or known.is_family(group.words[0]):
        return 0.7 if several or _SUBJECT.search(before) else 0.55 if _BY.search(before) else 0.0
    return 0.0


def _by_place(text: str, group: _Group, known: _Lists, before: str) -> float:
    several = len(group.words) > 1
    if _CREDENTIALS.match(text, group.end):
        return 0.8
    kin = _KIN_BEFORE.search(before)
    if kin is not None and kin[1] in known.kin:
        return 0.75
    after = _KIN_AFTER.match(text, group.end)
    if several and after is not None and after[1] in known.kin:
        return 0.7
    initial = len(group.words[0]) == 1 and text.startswith(".", group.start + 1) and len(group.words[-1]) > 2
    return 0.55 if several and (initial or _DONE_BY.search(before)) else 0.0


def _before(text: str, group: _Group) -> str:
    return text[max(0, group.start - 48) : group.start]


def _labelled(before: str) -> bool:
    return _LABEL.search(before) is not None


def _plain(word: str) -> str:
    """For comparison: no capitals, no accents, no apostrophes."""
    if not word.isascii():
        word = "".join(sign for sign in unicodedata.normalize("NFKD", word) if not unicodedata.combining(sign))
    return word.lower().replace("'", "")


@cache
def _lists() -> _Lists:
    data = tomllib.loads((files("phivault.phi.detect") / "names.toml").read_text("utf-8"))
    lists = {name: frozenset(text.lower().split()) for name, text in data.items()}
    return _Lists(**lists)
