"""Narrative: the XHTML that a person reads, refused where it could run, fetch or hide anything.

It is never rewritten: what is stored is what was sent. FHIR R4, section 2.4.0.2 (txt-1, txt-2). Readers commonly put
it into an HTML page, so constructs that an HTML parser reads otherwise than an XML parser are refused as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from xml.parsers import expat

_XHTML = "http://www.w3.org/1999/xhtml"
_ELEMENTS = """
    a abbr acronym b big blockquote br caption cite code col colgroup dd dfn div dl dt em h1 h2 h3 h4 h5 h6 hr i img
    li ol p pre q samp small span strong sub sup table tbody td tfoot th thead tr tt ul var
"""
_ATTRIBUTES = """
    abbr accesskey align alt axis bgcolor border cellpadding cellspacing char charoff charset class colspan compact
    coords dir frame headers height hreflang hspace id lang name noshade nowrap rel rev rowspan rules scope shape
    span start style summary tabindex title type valign value vspace width xml:lang xmlns
"""
_ALLOWED_ELEMENTS = frozenset(_ELEMENTS.split())
_ALLOWED_ATTRIBUTES = frozenset(_ATTRIBUTES.split())
_LINKS = frozenset({"href", "src", "cite", "longdesc"})
_LINK = re.compile(r"(?:https?://|mailto:|tel:|#)[^\s<>\"']*+", re.IGNORECASE)
# A remote image would tell a third party that, and from where, a record is being read.
_IMAGE = re.compile(r"#[^\s<>\"']*+|data:image/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/=]*+")
_ACTIVE_STYLE = re.compile(r"url|expression|behaviou?r|binding|[\\@<>]|/\*", re.IGNORECASE)


class _Refused(Exception):
    """The rule that a narrative breaks."""


def narrative_problem(xhtml: str) -> str | None:
    """The rule that a ``div`` breaks, or None."""
    checker = _Checker()
    try:
        checker.parser.Parse(xhtml.encode(), True)
    except _Refused as refused:
        return str(refused)
    except expat.ExpatError:
        return "must be well-formed XHTML without entities of its own"
    return None if checker.has_content else "must have text or an image"


class _Checker:
    """Handlers of one parse. No document type passes, so that no entity can be defined or fetched."""

    def __init__(self) -> None:
        self.has_content = False
        self._inside = False
        parser = self.parser = expat.ParserCreate("utf-8")
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = _refuse("must not declare a document type")
        parser.ProcessingInstructionHandler = _refuse("must not hold processing instructions")
        parser.StartCdataSectionHandler = _refuse("must not hold CDATA sections")
        parser.XmlDeclHandler = _refuse("must not have an XML declaration")
        parser.CommentHandler = self._comment
        parser.StartElementHandler = self._start
        parser.CharacterDataHandler = self._text

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if not self._inside and (name != "div" or attributes.get("xmlns") != _XHTML):
            raise _Refused("must be a div in the XHTML namespace")
        self._inside = True
        if name not in _ALLOWED_ELEMENTS:
            raise _Refused("must hold only the elements that FHIR allows in a narrative")
        for attribute, value in attributes.items():
            _check_attribute(name, attribute, value)
        self.has_content = self.has_content or name == "img"

    def _text(self, text: str) -> None:
        self.has_content = self.has_content or not text.isspace()

    def _comment(self, text: str) -> None:
        # An HTML parser ends the comments "<!-->" and "<!--->" at once and reads on as markup.
        if text.startswith((">", "->")):
            raise _Refused("must not hold a comment that HTML reads otherwise")


def _check_attribute(element: str, attribute: str, value: str) -> None:
    if attribute in _LINKS:
        if not (_IMAGE if element == "img" else _LINK).fullmatch(value):
            raise _Refused("must link only to http, https, mailto, tel and itself, and carry its images")
    elif attribute not in _ALLOWED_ATTRIBUTES or (attribute == "xmlns" and value != _XHTML):
        raise _Refused("must hold only the attributes that FHIR allows in a narrative")
    elif attribute == "style" and _ACTIVE_STYLE.search(value):
        raise _Refused("must have styles that load and run nothing")


def _refuse(rule: str) -> Callable[..., None]:
    def handler(*_: object) -> None:
        raise _Refused(rule)

    return handler
