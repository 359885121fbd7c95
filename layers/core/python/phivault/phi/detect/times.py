"""Dates more exact than a year, in digits and in words, and ages over 89: 45 CFR 164.514(b)(2)(i)(C)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from phivault.phi.detect.contact import after_version
from phivault.phi.detect.finding import Finding, Kind

_MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?"
    r"|Nov(?:ember)?|Dec(?:ember)?|JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)\b\.?"
)
_WHOLE = r"(?:January|February|March|April|May|June|July|August|September|October|November|December)"
_DAY = r"(?:0?[1-9]|[12]\d|3[01])(?:st|nd|rd|th)?"
_WEEKDAY = r"(?:(?:Mon|Tue(?:s)?|Wed(?:nes)?|Thu(?:rs?)?|Fri|Sat(?:ur)?|Sun)(?:day)?\b\.?,? )?"
_YEAR = r"(?:1[89]|20)\d\d"
_UNIT = r"(?! ?(?:mg|mcg|ug|g|ml|mL|units?|mmol|%|tablets?)\b)"
_ISO = re.compile(
    rf"(?<![\w.-]){_YEAR}([-/])(0?[1-9]|1[0-2])\1(0?[1-9]|[12]\d|3[01])"
    r"(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?)?(?![\w-])",
    re.ASCII,
)
_DIGITS = re.compile(r"(?<![\w./-])(\d{1,2})([/.-])(\d{1,2})\2(\d{4}|\d{2})(?![\w/-]|\.\d)", re.ASCII)
_MONTH_YEAR = re.compile(rf"(?<![\w./-])(?:0?[1-9]|1[0-2])/{_YEAR}(?![\w/-]|\.\d)", re.ASCII)
_DAY_FIRST = re.compile(
    rf"(?<![\w.-]){_WEEKDAY}(?:the )?{_DAY}(?: of)?[ -]{_MONTH}(?:,?[ -](?:{_YEAR}|'?\d\d(?![\w:.]))(?!\w))?", re.ASCII
)
_MONTH_FIRST = re.compile(
    rf"(?<![\w.-]){_WEEKDAY}{_MONTH} (?:{_DAY}(?!\w|[.:/]\d|%){_UNIT}(?:,? {_YEAR}(?!\w))?|{_YEAR}(?!\w))", re.ASCII
)
_MONTH_ALONE = re.compile(rf"\b(?:in|since|until|till|last|next|this|early|late|mid|by|from)[ -]({_WHOLE})\b", re.ASCII)
_FEAST = re.compile(
    r"\b(?:Christmas(?: Eve| Day)?|New Year'?s?(?: Eve| Day)|Thanksgiving(?: Day)?|Boxing Day|Halloween"
    r"|Easter (?:Sunday|Monday)|Good Friday|Valentine'?s Day|Independence Day|Labou?r Day|Memorial Day)\b"
)
_ONES = "one|two|three|four|five|six|seven|eight|nine"
_WORDS = rf"ninety(?:[ -](?:{_ONES}))?|(?:a|one) hundred(?: and)?(?:[ -](?:{_ONES}|ten))?"
_OLD = r"(?:9\d|1[0-3]\d)"
_AGE = re.compile(
    rf"\b(?:({_OLD}|{_WORDS})[ -]?(?:years?|yrs?|y)(?:[ -]?old\b|[ -]of[ -]age\b|[ /.]?o\b)"
    rf"|(?:aged?|turned)(?: of| at)?[ :]{{1,3}}({_OLD}|{_WORDS})\b"
    r"(?![.,]\d|[ -]?(?:%|days?|weeks?|months?|hours?|min)))",
    re.ASCII | re.IGNORECASE,
)


def times(text: str) -> Iterator[Finding]:
    if any(sign in text for sign in "/.-"):
        yield from _in_digits(text)
    for pattern, score in ((_DAY_FIRST, 0.85), (_MONTH_FIRST, 0.8), (_FEAST, 0.7)):
        for found in pattern.finditer(text):
            yield Finding(Kind.DATE, *found.span(), score)
    for found in _MONTH_ALONE.finditer(text):
        yield Finding(Kind.DATE, *found.span(1), 0.6)
    for found in _AGE.finditer(text):
        start, end = found.span(1) if found[1] else found.span(2)
        yield Finding(Kind.AGE, start, end, 0.8)


def _in_digits(text: str) -> Iterator[Finding]:
    for found in _ISO.finditer(text):
        yield Finding(Kind.DATE, *found.span(), 0.9)
    for found in _DIGITS.finditer(text):
        one, other, dotted = int(found[1]), int(found[3]), found[2] == "."
        if _is_day_and_month(one, other) and not (dotted and after_version(text, found.start())):
            yield Finding(Kind.DATE, *found.span(), 0.8 if len(found[4]) == 4 else 0.6)
    for found in _MONTH_YEAR.finditer(text):
        yield Finding(Kind.DATE, *found.span(), 0.6)


def _is_day_and_month(one: int, other: int) -> bool:
    return 1 <= min(one, other) <= 12 and 1 <= max(one, other) <= 31
