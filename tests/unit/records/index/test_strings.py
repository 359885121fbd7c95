from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phivault.errors import InvalidInput
from phivault.records.index import strings
from phivault.records.index.parameters import parameters

FAMILY = parameters("Patient")["family"]


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("Muñoz", "munoz"),
        ("O'Brien", "obrien"),
        ("Van  der\tBerg ", "van der berg"),
        ("STRASSE", "strasse"),
        ("Straße", "strasse"),
        ("Smith-Jones", "smithjones"),
        ("Ångström", "angstrom"),
        ("Nguyễn", "nguyen"),
        ("ﬁsher", "fisher"),
        ("Μαρία", "μαρια"),
        ("ΜΑΡΊΑΣ", "μαριασ"),
        ("Мария", "мария"),
        ("李", "李"),
        ("", ""),
        ("—", ""),
    ],
)
def test_normal_forms(text: str, normal: str) -> None:
    assert strings.normalise(text) == normal


@given(st.text(max_size=20))
def test_a_normal_form_is_its_own(text: str) -> None:
    assert strings.normalise(strings.normalise(text)) == strings.normalise(text)


@given(st.text(min_size=1, max_size=20), st.text(max_size=10))
def test_whatever_a_value_begins_with_finds_it(text: str, more: str) -> None:
    try:
        asked = strings.ask(FAMILY, text.replace("\\", ""))
    except InvalidInput:
        return
    value = asked.text + more
    if strings.normalise(value).startswith(asked.text):  # a mark that follows may join the last letter
        assert asked.fits(value)
        assert set(asked.terms) <= set(strings.terms(value))


@given(st.text(max_size=12), st.text(max_size=12))
def test_what_fits_is_a_candidate(text: str, value: str) -> None:
    try:
        asked = strings.ask(FAMILY, text)
    except InvalidInput:
        return
    assert not asked.fits(value) or set(asked.terms) & set(strings.terms(value))
    assert asked.fits(value) == strings.normalise(value).startswith(asked.text)


def test_beginnings_of_two_to_eight_characters_are_indexed() -> None:
    assert list(strings.terms("Christophersen")) == [
        "ch", "chr", "chri", "chris", "christ", "christo", "christop",
    ]  # fmt: skip
    assert list(strings.terms("J")) == []
    assert list(strings.terms("李小龙")) == ["李", "李小", "李小龙"]


def test_a_longer_search_looks_up_eight_and_compares_all() -> None:
    asked = strings.ask(FAMILY, "Christopherson")
    assert asked.terms == ("christop",)
    assert not asked.fits("Christophersen")
    assert asked.fits("CHRISTOPHERSON-Bell")


@pytest.mark.parametrize("text", ["", "a", "A'", "--", "́"])
def test_one_letter_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"^family holds at least two letters or digits$"):
        strings.ask(FAMILY, text)


def test_what_is_no_string_is_not_indexed() -> None:
    assert list(strings.terms(["Anna"])) == []
    assert not strings.ask(FAMILY, "Anna").fits(None)
