"""Telephone and fax numbers (North America, United Kingdom, E.164), e-mail addresses, URLs and IP addresses."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from phivault.phi.detect.finding import Finding, Kind

_START, _END = r"(?<![\w+/.-])", r"(?![\w/]|[.-]\w)"
_NORTH_AMERICA = re.compile(
    _START + r"(?:\+?1[ .-]?)?(?:\([2-9]\d\d\)[ -]?|[2-9]\d\d[ .-]|[89]\d\d-)[2-9]\d\d[ .-]\d{4}" + _END, re.ASCII
)
_UK = re.compile(
    _START + r"(?:\(?0\d{2}\)? \d{4} ?\d{4}|\(?0\d{3}\)? \d{3} ?\d{4}|\(?0\d{4}\)? \d{5,6}|\(?0\d{4}\)? \d{3} \d{3}"
    r"|0[12378]\d{9})" + _END,
    re.ASCII,
)
_INTERNATIONAL = re.compile(
    r"(?<![\w+/.-])(?:\+|00(?=[\d ()-]{10}))[1-9]\d{0,2}+(?:[ .-]?\(?\d{1,12}+\)?){1,6}" + _END,
    re.ASCII,
)
_CUED = re.compile(
    r"\b(?:tel(?:ephone)?|phone|mobile|cell(?:phone|ular)?|landline|pager|contact number|home|work|call(?:ed)?|ring"
    r"|rang|voicemail|fax(?:ed)?)\b[^\d\n+(]{0,24}?(\(?\+?\d[\d ().-]{5,18}\d)" + _END,
    re.ASCII | re.IGNORECASE,
)
_EMAIL = re.compile(r"(?<![\w.%+-])[\w.%+-]{1,256}+@(?:[\w-]{1,63}+\.){1,8}[^\W\d_]{2,24}(?!\w)")
_TOP = "com|org|net|edu|gov|mil|int|info|biz|io|app|dev|health|care|clinic|nhs|co|uk|us|ca|au|de|fr|ie|nz|eu"
_URL = re.compile(
    r"(?<![\w@])(?:(?:https?|ftp)://[^\s<>\"'\]|]{1,2048}|www\.[^\s<>\"'\]|]{2,2048}"
    rf"|(?<![.-])(?:[a-z0-9-]{{1,63}}+\.){{1,4}}(?:{_TOP})(?![\w.-]?\w)(?:/[^\s<>\"'\]|]{{0,2048}})?)",
    re.IGNORECASE,
)
_IPV4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w]|\.\d)", re.ASCII)
_IPV6 = re.compile(r"(?<![\w:.])(?=[0-9a-f]{0,4}:[0-9a-f:])[0-9a-f:]{3,39}+(?![\w:])", re.ASCII | re.IGNORECASE)
_VERSION = re.compile(r"\b(?:v|ver|version|release|build|firmware|software)[ .:]{0,2}$", re.IGNORECASE)


def contact(text: str) -> Iterator[Finding]:
    if "@" in text:
        for found in _EMAIL.finditer(text):
            yield Finding(Kind.EMAIL, *found.span(), 0.95)
    for found in _URL.finditer(text):
        end = found.start() + len(found[0].rstrip(".,;:!?)"))
        yield Finding(Kind.URL, found.start(), end, 0.9)
    yield from _addresses(text)
    for pattern, group, score in ((_NORTH_AMERICA, 0, 0.8), (_UK, 0, 0.8), (_INTERNATIONAL, 0, 0.85), (_CUED, 1, 0.7)):
        for found in pattern.finditer(text):
            if 7 <= sum(map(str.isdigit, found[group])) <= 15:
                yield Finding(_phone_or_fax(text, found.start(group)), *found.span(group), score)


def after_version(text: str, at: int) -> bool:
    """Whether what begins here is the version of something."""
    return _VERSION.search(text[max(0, at - 12) : at]) is not None


def _phone_or_fax(text: str, at: int) -> Kind:
    before = text[max(0, at - 40) : at].rpartition("\n")[2].lower()
    return Kind.FAX if "fax" in before and "phone" not in before.rpartition("fax")[2] else Kind.PHONE


def _addresses(text: str) -> Iterator[Finding]:
    for found in _IPV4.finditer(text):
        if _is_ip(found[0]) and not after_version(text, found.start()):
            yield Finding(Kind.IP, *found.span(), 0.9)
    if ":" in text:
        for found in _IPV6.finditer(text):
            if any(map(str.isdigit, found[0])) and _is_ip(found[0]):
                yield Finding(Kind.IP, *found.span(), 0.9)


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
