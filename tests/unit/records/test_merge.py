"""Merging an update: for any rights and any body, nothing unseen changes and nothing unwritable does."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phivault.errors import AccessDenied
from phivault.phi import marking
from phivault.phi.catalogue import classify, elements
from phivault.phi.data_class import DataClass
from phivault.records.alternatives import alternatives
from phivault.records.merge import Rights, judged, merge, settle

NAMES = sorted(elements("Observation"))
values = st.integers(0, 2).map(lambda value: json.dumps(value).encode())
members = st.dictionaries(st.sampled_from(NAMES), values, max_size=8)
ADMINISTRATIVE = DataClass.ADMINISTRATIVE
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


def test_what_was_sealed_under_a_stricter_class_than_todays_is_not_overwritten() -> None:
    """The catalogue's class of an element may have been lowered since."""
    name, seen = "interpretation", set(DataClass) - {DataClass.SENSITIVE}
    assert classify("Observation", name) in seen
    with pytest.raises(AccessDenied):
        merge("Observation", {name: b"1"}, {name: DataClass.SENSITIVE}, {name: b"2"}, Rights(seen, seen))


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


@given(
    members,
    members,
    st.sets(st.sampled_from(NAMES)),
    st.sets(st.sampled_from(NAMES)),
    classes.filter(lambda some: DataClass.SENSITIVE not in some),
    classes,
)
def test_a_refusal_does_not_depend_on_which_hidden_elements_there_are(
    current: dict[str, bytes],
    sent: dict[str, bytes],
    taken: set[str],
    raised: set[str],
    readable: set[DataClass],
    writable: set[DataClass],
) -> None:
    """Beside one that is hidden, as the caller is told. ``raised`` are administrative elements in whose text an
    identifier was found."""
    stored = {name: value for name, value in current.items() if not alternatives("Observation", name) & current.keys()}
    stored |= {"extension": b"[]"}
    kinds = {name: classify("Observation", name) for name in stored}
    kinds |= {n: DataClass.IDENTIFYING for n, kind in kinds.items() if kind is ADMINISTRATIVE and n in raised}
    hidden = {name for name, kind in kinds.items() if kind not in readable}
    fewer = {name: value for name, value in stored.items() if name not in hidden & taken - {"extension"}}
    told = []
    for one in (stored, fewer):
        try:
            some = {name: kinds[name] for name in one}
            merged = merge("Observation", one, some, sent, Rights(readable, writable))
            told.append(str(sorted((name, value) for name, value in merged.items() if name not in hidden)))
            assert all(merged[name] == value for name, value in one.items() if name in hidden)
            assert not any(alternatives("Observation", name) & merged.keys() for name in hidden & one.keys())
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


DEPRESSION = b'{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"F32.9"}]}'
ANGINA = b'{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"I20.9"}]}'
CONDITION = {"code": ANGINA, "subject": b'{"reference":"Patient/1"}', "encounter": b'{"reference":"Encounter/1"}'}
SENSITIVE = CONDITION | {"code": DEPRESSION}


@pytest.mark.parametrize(("current", "merged"), [(CONDITION, SENSITIVE), (SENSITIVE, CONDITION)])
@pytest.mark.parametrize("lacking", [DataClass.SENSITIVE, DataClass.IDENTIFYING, DataClass.CLINICAL])
@pytest.mark.parametrize("right", ["readable", "writable"])
def test_moving_a_resource_into_or_out_of_the_sensitive_class_needs_every_class_of_both(
    current: dict[str, bytes], merged: dict[str, bytes], lacking: DataClass, right: str
) -> None:
    """Else who has the one could make what they can't see a part of it, and read it then."""
    rights = {"readable": set(DataClass), "writable": set(DataClass)}
    sealed = marking.marks("Condition", current).members
    assert settle("Condition", current, sealed, merged, Rights(**rights)) == {}
    rights[right] = set(DataClass) - {lacking}
    with pytest.raises(AccessDenied):
        settle("Condition", current, sealed, merged, Rights(**rights))


def test_what_newer_rules_raise_is_nobodys_doing_and_what_they_lower_stays_for_who_cannot_see_it() -> None:
    """A version that was sealed when its code was not yet on the list, and one that was when it still was."""
    rights = Rights(
        {DataClass.ADMINISTRATIVE, DataClass.IDENTIFYING}, {DataClass.ADMINISTRATIVE, DataClass.IDENTIFYING}
    )
    older = {name: classify("Condition", name) for name in SENSITIVE}
    changed = SENSITIVE | {"encounter": b'{"reference":"Encounter/2"}'}
    assert settle("Condition", SENSITIVE, older, changed, rights)["code"] is DataClass.CLINICAL
    sealed = dict.fromkeys(CONDITION, DataClass.SENSITIVE)
    assert settle("Condition", CONDITION, sealed, CONDITION, rights) == sealed


def test_nobody_sends_what_they_could_not_have_created() -> None:
    rights = Rights(set(DataClass) - {DataClass.SENSITIVE}, set(DataClass) - {DataClass.SENSITIVE})
    sealed = {name: classify("Condition", name) for name in CONDITION}
    with pytest.raises(AccessDenied):
        merge("Condition", CONDITION, sealed, SENSITIVE, rights)
    with pytest.raises(AccessDenied):
        merge("Condition", {}, {}, SENSITIVE, rights)


def test_what_is_hidden_makes_nothing_valid_that_the_caller_changed() -> None:
    before = {"status": b'"final"', "_status": b"{}", "code": b"{}", "_issued": b"{}"}
    hidden = {"_status", "_issued"}
    after = before | {"code": b'{"text":"x"}'}
    assert judged(before, after, hidden) == after
    assert "_status" in judged(before, after | {"status": b' "final"'}, hidden)
    for changed in ({name: value for name, value in before.items() if name != "status"}, before | {"status": b'"x"'}):
        assert judged(before, changed, hidden).keys() == changed.keys() - {"_status"}
    assert "_issued" not in judged(before, before | {"issued": b"1"}, hidden)
