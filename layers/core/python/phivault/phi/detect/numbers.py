"""Numbers that check themselves (cards, IBANs, NHS numbers, VINs), social security numbers, and numbers of records,
plans, accounts, licenses, vehicles and devices, which only the words before them tell from any other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from phivault.phi.detect.finding import Finding, Kind

_START, _END = r"(?<![\w.-])", r"(?![\w]|[.-]\w)"
_SSN = re.compile(_START + r"(?!000|666|9\d\d)\d{3}(?P<gap>[- ]?)(?!00)\d\d(?P=gap)(?!0000)\d{4}" + _END, re.ASCII)
_SSN_CUE = re.compile(r"\b(?:ssn?|social security|soc\.? sec\.?)\b", re.IGNORECASE)
_NHS = re.compile(_START + r"\d{3}(?P<gap>[- ]?)\d{3}(?P=gap)\d{4}" + _END, re.ASCII)
_CARD = re.compile(_START + r"[3-6]\d{3}(?:[ -]?\d){9,15}" + _END, re.ASCII)
_IBAN = re.compile(_START + r"[A-Z]{2}\d\d(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?" + _END, re.ASCII)
_VIN = re.compile(_START + r"[A-HJ-NPR-Z0-9]{17}" + _END, re.ASCII)
_UDI = re.compile(r"\(01\)\d{14}(?:\(\d\d\)[A-Za-z0-9-]{1,20}){0,4}", re.ASCII)
_UK_PLATE = re.compile(r"\b(?:plate|registration|vehicle|car)\b[^\n]{0,30}?\b([A-Z]{2}\d\d ?[A-Z]{3})\b", re.ASCII)

_OF = r"(?:numbers?|no\b\.?|num\b\.?|nr\b\.?|id\b|#)"
_CUES = {
    Kind.MRN: rf"mrn|mr ?#|medical record(?: {_OF})?|(?:hospital|hosp|chart|unit|record|patient|case note)\.? ?{_OF}",
    Kind.PLAN: rf"(?:member|subscriber|beneficiary|insurance|policy|plan|health card|health plan|group) ?{_OF}"
    rf"|(?:medicare|medicaid)(?: {_OF})?|mbi",
    Kind.ACCOUNT: rf"(?:account|acct\.?|bank account) ?{_OF}",
    Kind.LICENSE: rf"dea(?: {_OF})?|npi(?: {_OF})?|gmc(?: {_OF})?"
    rf"|(?:driver'?s?'?|driving|medical)? ?licen[cs]e(?: {_OF})?",
    Kind.VEHICLE: rf"(?:licen[cs]e )?plate(?: {_OF})?|registration {_OF}|vin|vehicle identification {_OF}",
    Kind.DEVICE: rf"serial(?: {_OF})|s/n|udi|(?:device|implant) ?{_OF}",
    Kind.ID: rf"accession(?: {_OF})?|passport(?: {_OF})?"
    rf"|(?:specimen|case|visit|encounter|reference|order|study|incident|claim|file) ?{_OF}",
}
_ALL = "|".join(f"(?P<{kind}>{cue})" for kind, cue in _CUES.items())
_LINK = r"[ \t]{0,2}(?:(?:is|was|=|:|#|-)[ \t]{0,2}){0,2}"
_VALUE = (
    r"(?P<value>(?=[A-Z0-9/-]{0,20}[0-9])[A-Z0-9]{1,20}(?:[-/][A-Z0-9]{1,20}){0,5}"
    r"(?: (?=[A-Z0-9-]{0,8}[0-9])[A-Z0-9]{2,8}(?:-[A-Z0-9]{1,8})?){0,4})"
)
_CUED = re.compile(rf"\b(?i:{_ALL}){_LINK}{_VALUE}" + r"(?![\w]|[./-]\w)", re.ASCII)
_MORE = re.compile(rf",? (?:and )?(?i:group|no\.?|number) {_VALUE}" + r"(?![\w]|[./-]\w)", re.ASCII)
_TRANSLITERATED = {letter: value for group in ("ABCDEFGH", "JKLMN") for value, letter in enumerate(group, 1)}
_TRANSLITERATED |= {"P": 7, "R": 9} | {letter: value for value, letter in enumerate("STUVWXYZ", 2)}
_VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)


def numbers(text: str) -> Iterator[Finding]:
    yield from _cued(text)
    for found in _SSN.finditer(text):
        if found["gap"] or _SSN_CUE.search(text[max(0, found.start() - 30) : found.start()]):
            yield Finding(Kind.SSN, *found.span(), 0.85)
    for found in _NHS.finditer(text):
        cued = "nhs" in text[max(0, found.start() - 30) : found.start()].lower()
        if (found["gap"] or cued) and nhs_checks(_digits(found[0])):
            yield Finding(Kind.NHS, *found.span(), 0.95 if cued else 0.75)
    for found in _CARD.finditer(text):
        if luhn_checks(_digits(found[0])):
            yield Finding(Kind.CARD, *found.span(), 0.9)
    yield from _checked_by_letters(text)


def nhs_checks(digits: str) -> bool:
    """Modulus 11 over ten digits: NHS Data Dictionary, NHS NUMBER."""
    check = 11 - sum((10 - at) * int(digits[at]) for at in range(9)) % 11
    return check != 10 and check % 11 == int(digits[9])


def luhn_checks(digits: str) -> bool:
    """ISO/IEC 7812-1, annex B."""
    total = sum(int(digit) for digit in digits[-1::-2])
    total += sum(sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return total % 10 == 0 and len(set(digits)) > 1


def iban_checks(iban: str) -> bool:
    """ISO 13616: modulus 97 of the rearranged number."""
    moved = iban[4:] + iban[:4]
    return 15 <= len(iban) <= 34 and int("".join(str(int(sign, 36)) for sign in moved)) % 97 == 1


def vin_checks(vin: str) -> bool:
    """49 CFR 565.15(c): the check digit of vehicles sold in North America."""
    values = (int(sign) if sign.isdigit() else _TRANSLITERATED[sign] for sign in vin)
    rest = sum(weight * value for weight, value in zip(_VIN_WEIGHTS, values, strict=True)) % 11
    return vin[8] == ("X" if rest == 10 else str(rest))


def _cued(text: str) -> Iterator[Finding]:
    for found in _CUED.finditer(text):
        kind = next(kind for kind in _CUES if found[kind.value] is not None)
        if not _is_number(found["value"]):
            continue
        yield Finding(kind, *found.span("value"), 0.8)
        more = _MORE.match(text, found.end())
        if more is not None and _is_number(more["value"]):
            yield Finding(kind, *more.span("value"), 0.7)
    for found in _UK_PLATE.finditer(text):
        yield Finding(Kind.VEHICLE, *found.span(1), 0.8)


def _is_number(value: str) -> bool:
    return len(value) >= 4 and sum(map(str.isdigit, value)) >= 2


def _checked_by_letters(text: str) -> Iterator[Finding]:
    for found in _IBAN.finditer(text):
        if iban_checks(found[0].replace(" ", "")):
            yield Finding(Kind.ACCOUNT, *found.span(), 0.95)
    for found in _VIN.finditer(text):
        if not found[0].isdigit() and not found[0].isalpha() and vin_checks(found[0]):
            yield Finding(Kind.VEHICLE, *found.span(), 0.85)
    for found in _UDI.finditer(text):
        yield Finding(Kind.DEVICE, *found.span(), 0.95)


def _digits(text: str) -> str:
    return "".join(filter(str.isdigit, text))
