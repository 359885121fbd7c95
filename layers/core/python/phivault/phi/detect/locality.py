"""Streets, post office boxes, towns by what stands around them, ZIP codes and UK postcodes."""

from __future__ import annotations

import re
from calendar import month_name
from collections.abc import Iterator

from phivault.phi.detect.finding import Finding, Kind

_STATE = (
    "A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|P[AR]|RI|S[CD]|T[NX]|UT|V[AT]"
    "|W[AIVY]"
)
_AREA = (
    "A[BL]|B[ABDHLNRSTX]?|C[ABFHMORTVW]|D[ADEGHLNTY]|E[CHNX]?|F[KY]|G[LUY]?|H[ADGPRSUX]|I[GMPV]|JE|K[ATWY]|L[ADELNSU]?"
    "|M[EKL]?|N[EGNPRW]?|O[LX]|P[AEHLOR]|R[GHM]|S[AEGKLMNOPRSTWY]?|T[ADFNQRSW]|UB|W[ACDFNRSV]?|YO|ZE"
)
_WORD = r"[A-Z][a-z'.-]{0,24}"
_SUFFIX = (
    "Street|St|Road|Rd|Avenue|Ave|Lane|Ln|Drive|Dr|Boulevard|Blvd|Court|Ct|Close|Crescent|Cres|Terrace|Way|Place|Pl"
    "|Square|Sq|Gardens|Grove|Row|Walk|Hill|Park|Parkway|Pkwy|Circle|Cir|Highway|Hwy|Trail|Mews|View|Rise|Green|Quay"
    "|Turnpike|Alley|Plaza|Loop"
)
_UNIT = r"(?:Flat|Apt|Apartment|Unit|Suite|Ste|Room|Rm)\.? ?[A-Z0-9]{1,5}|#[A-Z0-9]{1,5}"
_TOWN = rf"{_WORD}(?:[ -]{_WORD}){{0,2}}"
_AROUND = rf"(?:,? (?:{_UNIT}))?(?:, {_TOWN}(?=[.,;)]|\s*$|\s+(?:{_STATE})\b|\s+[A-Z]{{1,2}}\d))?(?:,? (?:{_STATE})\b)?"
_STREET = re.compile(
    rf"(?:\b(?:{_UNIT}),? )?(?<![\w.])\d{{1,5}}[A-Za-z]?(?:-\d{{1,4}})?,? (?:[NSEW]{{1,2}}\.? )?"
    rf"(?:(?:{_WORD}|\d{{1,3}}(?:st|nd|rd|th)) ){{1,4}}(?:{_SUFFIX})\b(?: [NSEW]{{1,2}}\b)?{_AROUND}",
    re.MULTILINE,
)
_BOX = re.compile(rf"\bP\.? ?O\.? ?Box \d{{1,6}}{_AROUND}", re.IGNORECASE | re.MULTILINE)
_TOWN_STATE = re.compile(rf"(?<![\w'-]){_TOWN}, (?:{_STATE})(?=[ ,.;)]|$)", re.MULTILINE)
_LIVES = re.compile(
    rf"\b(?:liv(?:es?|ed|ing) in|resid(?:es?|ed|ing) (?:in|at)|resident of|born in|moved (?:from|to)|relocated to"
    rf"|home in|native of)(?: the (?:city|town|village) of)? ({_TOWN})",
)
_MONTHS = frozenset(
    [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ]
)
_ZIP = re.compile(
    rf"(?:\b(?:{_STATE}),? {{1,2}}|\b(?i:zip)(?: (?i:code))?:? )(\d{{5}}(?:-\d{{4}})?)(?![\w-])", re.ASCII
)
_POSTCODE = re.compile(rf"(?<![\w.-])(?:{_AREA})\d(?:\d|[A-Z])? \d[ABD-HJLNP-UW-Z]{{2}}(?!\w)|\bGIR 0AA\b", re.ASCII)


def localities(text: str) -> Iterator[Finding]:
    for pattern, score in ((_STREET, 0.8), (_BOX, 0.85), (_TOWN_STATE, 0.6)):
        for found in pattern.finditer(text):
            yield Finding(Kind.ADDRESS, *found.span(), score)
    for found in _LIVES.finditer(text):
        if found[1] not in month_name:
            yield Finding(Kind.ADDRESS, *found.span(1), 0.6)
    for found in _ZIP.finditer(text):
        yield Finding(Kind.POSTCODE, *found.span(1), 0.8)
    for found in _POSTCODE.finditer(text):
        yield Finding(Kind.POSTCODE, *found.span(), 0.8)
