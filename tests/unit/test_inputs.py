"""What is wrong with a body or a parameter is said in words, which hold nothing of what was sent."""

from __future__ import annotations

import json
import re
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, model_validator

from phivault.errors import InvalidInput, UnsupportedParameter
from phivault.identity import change_rules, confirm_sign_up, sign_up
from phivault.identity import inputs as identity
from phivault.identity.users import inputs as users
from phivault.inputs import Body, known, read, rule, whole_number
from phivault.permissions import explain, restriction_set
from phivault.permissions.break_glass import open_glass, review_glass
from phivault.permissions.grants import terms


class _Colour(StrEnum):
    RED = "RED"
    BLUE = "BLUE"


class _Inner(Body):
    deep: bool


class _All(Body):
    text: Annotated[str, Field(min_length=2, max_length=4)] = "ok"
    form: Annotated[str, Field(pattern="^[a-z]+$")] = "ok"
    number: Annotated[int, Field(ge=1, le=50)] = 1
    between: Annotated[int, Field(gt=1, lt=50)] = 2
    colour: _Colour | None = None
    literal: Literal["one", "two"] = "one"
    many: Annotated[list[Literal["one", "two"]], Field(min_length=1, max_length=2)] | None = None
    table: dict[str, list[int]] | None = None
    inner: _Inner | None = None
    needed: str

    @model_validator(mode="after")
    def _no_nonsense(self) -> Self:
        if self.needed == "nonsense":
            raise rule("takes no nonsense")
        return self


OBJECT = "has to be an object"
SAID: list[tuple[dict[str, Any], str]] = [
    ({"text": "x"}, "text: has to have at least 2 characters"),
    ({"text": "xxxxx"}, "text: has to have at most 4 characters"),
    ({"text": 1}, "text: has to be a string"),
    ({"form": "X"}, "form: has to match ^[a-z]+$"),
    ({"number": 0}, "number: has to be at least 1"),
    ({"number": 51}, "number: has to be at most 50"),
    ({"number": "1"}, "number: has to be a whole number"),
    ({"number": 1.5}, "number: has to be a whole number"),
    ({"between": 1}, "between: has to be more than 1"),
    ({"between": 50}, "between: has to be less than 50"),
    ({"colour": "GREEN"}, "colour: has to be one of RED, BLUE"),
    ({"literal": "three"}, "literal: has to be one of one, two"),
    ({"many": []}, "many: has to hold at least 1"),
    ({"many": ["one"] * 3}, "many: has to hold at most 2"),
    ({"many": "one"}, "many: has to be a list"),
    ({"many": ["one", "three"]}, "many[1]: has to be one of one, two"),
    ({"table": 1}, f"table: {OBJECT}"),
    ({"table": {"Zebra": [1, "x"]}}, "table: has to be a whole number"),
    ({"inner": 1}, f"inner: {OBJECT}"),
    ({"inner": {}}, "inner.deep: is missing"),
    ({"inner": {"deep": 1}}, "inner.deep: has to be true or false"),
    ({"inner": {"deep": True, "Zebra": 1}}, "inner: has an unknown member"),
    ({"needed": "nonsense"}, "body: takes no nonsense"),
]


@pytest.mark.parametrize(("sent", "says"), SAID, ids=lambda each: each if isinstance(each, str) else None)
def test_words_say_the_place_and_the_rule(sent: dict[str, Any], says: str) -> None:
    assert refusal(_All, {"needed": ""} | sent) == says


def test_all_that_is_wrong_is_said_at_once() -> None:
    assert refusal(_All, {"number": 51, "text": 1}) == (
        "needed: is missing; number: has to be at most 50; text: has to be a string"
    )


def test_an_unknown_member_is_told_what_is_known() -> None:
    assert refusal(identity.SignIn, {"email": "a@b.test", "password": "x", "Zebra": 1}) == (
        "body: has an unknown member (known: email, password)"
    )


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"[]", "body: has to be an object"),
        (b"null", "body: has to be an object"),
        (b'{"needed": Zebra}', "body: is not JSON, at line 1 column 12"),
        (b"\xff", "body: is not JSON, at line 1 column 1"),
        (b'{"needed": "a", "needed": "b"}', "body: a member is repeated"),
    ],
)
def test_what_is_no_object_is_said_to_be_none(body: bytes, says: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read(_All, body)
    assert caught.value.detail == says


def test_parameters_are_bounded_in_words() -> None:
    assert whole_number({}, "limit", 50) == 50
    assert whole_number({"limit": "1"}, "limit", 50) == 1
    for text in ("0", "51", "-1", "1.5", "", "x", "٣", "9" * 20):
        with pytest.raises(InvalidInput, match=r"^limit: has to be a whole number from 1 to 50$"):
            whole_number({"limit": text}, "limit", 50)
    known({"limit": "1"}, ["cursor", "limit"])
    with pytest.raises(UnsupportedParameter, match=r"^Supported: cursor, limit$"):
        known({"Zebra": "1"}, ["cursor", "limit"])


BODIES: list[type[Body]] = [
    _All,
    identity.SignIn,
    identity.Challenge,
    identity.Refresh,
    users.InviteUser,
    users.ChangeRole,
    sign_up.SignUp,
    confirm_sign_up.ConfirmSignUp,
    change_rules.SettingsChange,
    change_rules.AllowListChange,
    explain.Explain,
    restriction_set.Restrict,
    open_glass.OpenGlass,
    review_glass.ReviewGlass,
    terms.ProposeGrant,
    terms.ChangeGrant,
]
MARK = "Zq7"
# Every value and key that isn't one of the model's names begins with the mark: none of our words does.
marked = st.text(max_size=300).map(lambda text: MARK + text)
values = st.recursive(
    st.none() | st.booleans() | st.integers(7_000_001, 7_999_999) | st.floats(7e9, 8e9) | marked,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(marked, inner, max_size=3),
    max_leaves=6,
)


@given(model=st.sampled_from(BODIES), data=st.data())
def test_nothing_that_was_sent_is_said(model: type[Body], data: st.DataObject) -> None:
    names = sorted({name for each in BODIES for name in each.model_fields})
    own = st.sampled_from([*model.model_fields, *names]) | marked
    sent = data.draw(st.dictionaries(own, values | st.dictionaries(own, values, max_size=2), min_size=1, max_size=6))
    try:
        read(model, json.dumps(sent).encode())
    except InvalidInput as error:
        said = error.detail
    else:
        return  # a text may be what its member takes
    assert MARK not in said
    assert not re.search(r"7[0-9]{6}", said)
    assert all(ord(character) < 128 for character in said)


@given(st.binary(max_size=60))
def test_bytes_of_any_kind_are_refused_without_a_word_of_them(body: bytes) -> None:
    hidden = b'{"needed": ' + MARK.encode() + body
    with pytest.raises(InvalidInput) as caught:
        read(_All, hidden)
    assert re.fullmatch(r"body: is not JSON(, at line [0-9]+ column [0-9]+)?", caught.value.detail)


def refusal(model: type[Body], sent: object) -> str:
    with pytest.raises(InvalidInput) as caught:
        read(model, json.dumps(sent).encode())
    assert caught.value.__cause__ is None
    return caught.value.detail
