from __future__ import annotations

import pytest

from phivault.errors import InvalidInput, UnsupportedParameter
from phivault.records.index.criterion import MAX_LENGTH, MAX_VALUES, criterion
from phivault.records.index.key import IndexKey

KEY = IndexKey(bytes(32))
SECRET = "Kowalska"


def test_one_of_several_values_has_to_fit() -> None:
    asked = criterion("Patient", "family", ["Muster", "Kowal"])
    assert asked.matches({"name": b'[{"family":"Kowalska"}]'})
    assert asked.matches({"name": b'[{"family":"X"},{"family":"Muster"}]'})
    assert not asked.matches({"name": b'[{"family":"Nowak","given":["Muster"]}]'})
    assert len(asked.groups(KEY)) == 2


def test_what_lacks_the_element_does_not_fit() -> None:
    assert not criterion("Patient", "family", ["Kowal"]).matches({})
    assert not criterion("Patient", "birthdate", ["lt2030"]).matches({"gender": b'"female"'})


def test_a_name_looks_where_its_parts_are_indexed() -> None:
    name, family, given = (criterion("Patient", each, ["anna"]).groups(KEY) for each in ("name", "family", "given"))
    assert {*family, *given} < {*name}
    assert set(family).isdisjoint(given)


def test_it_prints_without_values() -> None:
    assert SECRET not in repr(criterion("Patient", "family", [SECRET]))


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("family:exact", "family: modifiers are not supported"),
        ("birthdate:missing", "birthdate: modifiers are not supported"),
        ("identifier.value", "identifier: chained parameters are not supported"),
        ("code", "code is not supported for Patient"),
        ("code:text", "code is not supported for Patient"),
        (SECRET, "A parameter is not supported for Patient"),
        (f"{SECRET}:exact", "A parameter is not supported for Patient"),
        ("", "A parameter is not supported for Patient"),
    ],
)
def test_what_is_not_supported_is_refused_by_name(name: str, says: str) -> None:
    with pytest.raises(UnsupportedParameter) as caught:
        criterion("Patient", name, [SECRET])
    assert caught.value.detail == says


@pytest.mark.parametrize("values", [[], ["aa"] * (MAX_VALUES + 1), ["a" * (MAX_LENGTH + 1)]])
def test_values_are_bounded(values: list[str]) -> None:
    with pytest.raises(InvalidInput, match=r"^family has 1 to 20 values"):
        criterion("Patient", "family", values)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("family", "-"),
        ("birthdate", f"zz{SECRET}"),
        ("birthdate", f"ne{SECRET}"),
        ("identifier", f"{SECRET}|"),
        ("gender", f"a|{SECRET}|b"),
        ("phone", SECRET),
        ("email", " "),
        ("family", SECRET * 200),
    ],
)
def test_no_error_holds_a_value(name: str, value: str) -> None:
    with pytest.raises(InvalidInput, match=rf"^{name}\b") as caught:
        criterion("Patient", name, [value])
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None
