from __future__ import annotations

import pytest

from phivault.records.narrative import narrative_problem


def div(inside: str, attributes: str = "") -> str:
    return f'<div xmlns="http://www.w3.org/1999/xhtml"{attributes}>{inside}</div>'


@pytest.mark.parametrize(
    "inside",
    [
        "text",
        "<p>a &lt; b &amp; c &#160;</p><br/>",
        '<table border="1"><tbody><tr><td style="color: red !important; width: 1%">x</td></tr></tbody></table>',
        '<a href="https://example.org/a?b=c">x</a><a name="n" href="#n">y</a>',
        '<img src="#photo" alt="x"/>',
        '<img src="data:image/png;base64,aGVsbG8=" alt="x"/>',
        "x<!-- a comment -->",
        '<span xml:lang="de" lang="de">x</span>',
    ],
)
def test_allowed(inside: str) -> None:
    assert narrative_problem(div(inside)) is None


@pytest.mark.parametrize(
    "text", ["", "x", "<p>x</p>", "<div>x</div>", "<div xmlns='urn:x'>x</div>", div(" "), div("<p/>")]
)
def test_not_a_narrative(text: str) -> None:
    assert narrative_problem(text)
