"""Periods of consents: the moments that FHIR dates of any precision stand for. FHIR R4, sections 2.24.0.8 (Period) and
2.24.0.1 (dateTime)."""

from __future__ import annotations

import re
from calendar import timegm
from collections.abc import Mapping
from datetime import date
from math import inf
from typing import Any

_DATE_TIME = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d):(\d\d)(\.\d{1,9})?(?:Z|([+-])(\d\d):(\d\d)))?)?)?"
)
_DAY = 86_400
_LAST_YEAR = 9999


def bounds(period: Mapping[str, Any]) -> tuple[float, float]:
    """From when and until when (excluded), Unix seconds; infinite where an end is open.

    A date without a time is a day of UTC. The end belongs to the period: one of ``2026-02`` ends with that month.
    Raises ValueError for what is no dateTime, and where nothing is left between the two.
    """
    starts = _span(period["start"])[0] if "start" in period else -inf
    until = _span(period["end"])[1] if "end" in period else inf
    if not starts < until:
        raise ValueError("a period ends before it starts")
    return starts, until


def _span(text: str) -> tuple[float, float]:
    match = _DATE_TIME.fullmatch(text)
    if match is None:
        raise ValueError("not a dateTime")
    year, month, day = int(match[1]), int(match[2] or 1), int(match[3] or 1)
    start = _midnight(year, month, day)
    if match[4] is not None:
        return _moment(start, match)
    if match[3] is not None:
        return start, start + _DAY
    if match[2] is not None and month < 12:
        return start, _midnight(year, month + 1, 1)
    return start, _midnight(year + 1, 1, 1) if year < _LAST_YEAR else inf


def _moment(midnight: float, match: re.Match[str]) -> tuple[float, float]:
    fraction = match[7] or "."
    offset = (int(match[9]) * 60 + int(match[10])) * 60 if match[8] else 0
    at = midnight + int(match[4]) * 3600 + int(match[5]) * 60 + int(match[6]) + float("0" + fraction + "0")
    at -= -offset if match[8] == "-" else offset
    return at, at + 10.0 ** -(len(fraction) - 1)


def _midnight(year: int, month: int, day: int) -> float:
    return float(timegm(date(year, month, day).timetuple()))
