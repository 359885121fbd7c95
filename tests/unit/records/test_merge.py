"""Merging an update: for any rights and any body, nothing unseen changes and nothing unwritable does."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phivault.errors import AccessDenied
from phivault.phi.catalogue import classify, elements
from phivault.phi.data_class import DataClass
from phivault.records.merge import Rights, merge

NAMES = sorted(elements("Observation"))
values = st.integers(0, 2).map(lambda value: json.dumps(value).encode())
members = st.dictionaries(st.sampled_from(NAMES), values, max_size=8)
classes = st.sets(st.sampled_from(list(DataClass)))


@given(members, members, classes, classes)
def test_only_what_is_readable_and_writable_changes(
    current: dict[str, bytes], sent: dict[str, bytes], readable: set[DataClass], writable: set[DataClass]
) -> None:
    kinds = {name: classify("Observation", name) for name in current}
    with contextlib.suppress(AccessDenied):
        merged = merge("Observation", current, kinds, sent, Rights(readable, writable))
        for name in current.keys() | sent.keys() | merged.keys():
            kind = classify("Observation", name)
            if kind in readable and kind in writable:
                expected = current.get(name) if name == "meta" and name not in sent else sent.get(name)
                assert merged.get(name) == expected
            else:
                assert merged.get(name) == current.get(name)


@given(members, members, classes, classes)
def test_a_refusal_does_not_depend_on_values_that_cannot_be_read(
    current: dict[str, bytes], sent: dict[str, bytes], readable: set[DataClass], writable: set[DataClass]
) -> None:
    kinds = {name: classify("Observation", name) for name in current}
    other = {name: value if kinds[name] in readable else b'"other"' for name, value in current.items()}
    told = []
    for stored in (current, other):
        try:
            merge("Observation", stored, kinds, sent, Rights(readable, writable))
            told.append("")
        except AccessDenied as error:
            told.append(error.detail)
    assert told[0] == told[1]


@given(members, classes)
def test_a_thinned_read_put_back_changes_nothing(current: dict[str, bytes], readable: set[DataClass]) -> None:
    kinds = {name: classify("Observation", name) for name in current}
    seen = {name: value for name, value in current.items() if kinds[name] in readable}
    assert merge("Observation", current, kinds, seen, Rights(readable, set(DataClass))) == current
    assert merge("Observation", current, kinds, seen, Rights(readable, set())) == current


def test_an_element_keeps_the_class_under_which_it_was_sealed() -> None:
    sealed = {"status": DataClass.SENSITIVE}
    rights = Rights({DataClass.ADMINISTRATIVE}, {DataClass.ADMINISTRATIVE})
    with pytest.raises(AccessDenied):
        merge("Observation", {"status": b'"final"'}, sealed, {"status": b'"final"'}, rights)


def test_a_refusal_does_not_repeat_a_made_up_name() -> None:
    with pytest.raises(AccessDenied) as caught:
        merge("Observation", {}, {}, {"Zyxwvuts": b"1"}, Rights(set(), set()))
    assert "Zyxwvuts" not in str(caught.value)
