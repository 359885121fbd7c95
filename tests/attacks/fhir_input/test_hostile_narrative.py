"""Narratives that would run, fetch or hide something in a reader's browser."""

from __future__ import annotations

import json
import time

import pytest

from phivault.errors import InvalidInput
from phivault.records.json_members import split
from phivault.records.validate import validate

XHTML = 'xmlns="http://www.w3.org/1999/xhtml"'


def store(div: str) -> None:
    validate("Patient", split(json.dumps({"text": {"status": "generated", "div": div}}).encode()))


def wrapped(inside: str) -> str:
    return f"<div {XHTML}>{inside} text</div>"


def test_the_harness_accepts_a_harmless_narrative() -> None:
    store(wrapped("<p>harmless</p>"))


@pytest.mark.parametrize(
    "inside",
    [
        "<script>alert(1)</script>",
        "<SCRIPT>alert(1)</SCRIPT>",
        '<script src="https://evil.example/x.js"/>',
        "<style>p{}</style>",
        '<iframe src="https://evil.example"/>',
        '<object data="x"/>',
        '<embed src="x"/>',
        '<link rel="stylesheet" href="https://evil.example/x.css"/>',
        '<meta http-equiv="refresh" content="0"/>',
        '<base href="https://evil.example/"/>',
        '<form action="https://evil.example"><input name="x"/></form>',
        '<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
        '<h:script xmlns:h="http://www.w3.org/1999/xhtml">alert(1)</h:script>',
        '<math xmlns="http://www.w3.org/1998/Math/MathML"><mi>x</mi></math>',
        "<textarea>x</textarea>",
        "<noscript>x</noscript>",
        "<template>x</template>",
    ],
)
def test_active_elements(inside: str) -> None:
    with pytest.raises(InvalidInput, match=r"Patient\.text\.div"):
        store(wrapped(inside))


@pytest.mark.parametrize(
    "attribute",
    [
        'onclick="alert(1)"',
        'ONCLICK="alert(1)"',
        'onmouseover="alert(1)"',
        'href="javascript:alert(1)"',
        'href="JaVaScRiPt:alert(1)"',
        'href=" javascript:alert(1)"',
        'href="java&#10;script:alert(1)"',
        'href="&#106;avascript:alert(1)"',
        'href="data:text/html,x"',
        'href="vbscript:x"',
        'href="//evil.example"',
        'style="background: url(https://evil.example/x)"',
        'style="width: expression(alert(1))"',
        'style="behavior: x"',
        'style="background: u\\72l(https://evil.example)"',
        'style="color: u/**/rl(x)"',
        'formaction="javascript:alert(1)"',
        'srcdoc="x"',
        'xlink:href="javascript:alert(1)" xmlns:xlink="http://www.w3.org/1999/xlink"',
        'data-x="y"',
    ],
)
def test_active_attributes(attribute: str) -> None:
    with pytest.raises(InvalidInput, match=r"Patient\.text\.div"):
        store(wrapped(f"<a {attribute}>x</a>"))


@pytest.mark.parametrize(
    "source", ["https://evil.example/pixel.gif", "data:image/svg+xml;base64,eA==", "data:text/html,x", "x.png"]
)
def test_images_that_tell_somebody_or_run(source: str) -> None:
    with pytest.raises(InvalidInput):
        store(wrapped(f'<img src="{source}"/>'))


@pytest.mark.parametrize(
    "inside",
    [
        "<![CDATA[><img src=x onerror=alert(1)>]]>",
        "<!--> <img src=x onerror=alert(1)> -->",
        "<!---> <script> -->",
        "<?php x?>",
    ],
)
def test_what_an_html_parser_reads_otherwise(inside: str) -> None:
    with pytest.raises(InvalidInput):
        store(wrapped(inside))


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))


@pytest.mark.parametrize(
    "div",
    [
        f'<!DOCTYPE div [<!ENTITY l0 "ha">{LAUGHS}]>' + wrapped("&l9;"),
        '<!DOCTYPE div [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + wrapped("&x;"),
        '<!DOCTYPE div SYSTEM "https://evil.example/x.dtd">' + wrapped("x"),
        '<!DOCTYPE div [<!ENTITY % x SYSTEM "https://evil.example/x.dtd"> %x;]>' + wrapped("x"),
        '<?xml version="1.0" encoding="utf-7"?>' + wrapped("x"),
        wrapped("&nbsp;"),
        wrapped("x") + wrapped("y"),
        wrapped("<p>"),
        wrapped("x") + "<script/>",
    ],
)
def test_xml_bombs_and_entities(div: str) -> None:
    start = time.process_time()
    with pytest.raises(InvalidInput):
        store(div)
    assert time.process_time() - start < 1


def test_a_deep_narrative_does_not_exhaust_the_stack() -> None:
    store(wrapped("<b>" * 50_000 + "x" + "</b>" * 50_000))


def test_the_narrative_of_a_contained_resource_is_checked_too() -> None:
    inner = {"resourceType": "Organization", "id": "o", "text": {"status": "generated", "div": wrapped("<script/>")}}
    with pytest.raises(InvalidInput, match=r"Patient\.contained\[0\]\.text\.div"):
        validate("Patient", split(json.dumps({"contained": [inner]}).encode()))
