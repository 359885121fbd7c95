"""The password policy: each rule by itself, and that no refusal repeats what was typed."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest

from phivault.errors import InvalidInput
from phivault.identity import passwords
from phivault.identity.passwords import LONGEST, SHORTEST, check

EMAIL = "jane.winterbottom@mail.riverside-clinic.example"
GOOD = "Ferry7-lantern-quilt"


def refusal(password: str, **more: str) -> str:
    with pytest.raises(InvalidInput) as refused:
        check(password, email=EMAIL, **more)
    assert password not in str(refused.value)
    return refused.value.detail


def test_a_good_one() -> None:
    check(GOOD, email=EMAIL, phone_number="+15550100001")
    check("Zk4!vQ8@mW2#" + "x" * (LONGEST - 12), email=EMAIL)
    check("Gefährlich-7-Straße-Öl", email=EMAIL)


@pytest.mark.parametrize(
    ("password", "rule"),
    [
        ("Zk4!vQ8@mW2", "12 characters"),
        ("Zk4!vQ8@mW2#" + "y" * (LONGEST - 11), "256 characters"),
        (GOOD.lower(), "upper-case"),
        (GOOD.upper(), "lower-case"),
        (GOOD.replace("7", "x"), "digit"),
        (GOOD.replace("-", "x"), "symbol"),
        (GOOD + "\n", "control"),
        (GOOD + "\x00x", "control"),
        (" " + GOOD, "space at either end"),
        ("ÄFERRY7-LANTERN-ä", "lower-case"),
    ],
)
def test_what_it_must_have(password: str, rule: str) -> None:
    assert rule in refusal(password)


@pytest.mark.parametrize("part", ["Jane", "winterbottom", "WINTERbottom", "riverside", "Clinic", EMAIL])
def test_nothing_of_the_address(part: str) -> None:
    check(f"Zk4!vQ8@mW2#{'x' * len(part)}p7", email=EMAIL)
    assert "e-mail" in refusal(f"Zk4!vQ8@mW2#{part}")


def test_short_parts_of_an_address_are_in_many_passwords() -> None:
    check(GOOD, email="jo.lan@an.example")
    check("Tern-quilt-7-Ferry-comet", email="x@y.com")


@pytest.mark.parametrize(
    "common",
    [
        "Password1234!",
        "P@ssw0rd1234",
        "Qwertyuiop1!",
        "Summer2026!!",
        "Aa1!Aa1!Aa1!",
        "Welcome12345!",
        "Admin123456!",
        "2026#Dragon#2026",
    ],
)
def test_none_that_everybody_takes(common: str) -> None:
    assert len(common) >= SHORTEST
    assert "commonly" in refusal(common)


def test_nor_the_phone_number() -> None:
    assert "commonly" in refusal("Aa!15550100001", phone_number="+15550100001")


def test_a_long_one_costs_no_more_than_a_short_one() -> None:
    assert "commonly" in refusal("Aa1!" * (LONGEST // 4))


def test_one_that_could_be_many_words_costs_no_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Anybody may send it, with a reset of nobody's password: as many readings as zxcvbn knows, as long as we take."""
    hostile = "Aa1!" + "4@8({[<369!1|0$5+7%2" * 12

    def cost() -> float:
        started = time.process_time()
        with suppress(InvalidInput):
            check(hostile, email=EMAIL)
        return time.process_time() - started

    check(GOOD, email=EMAIL)  # its tables are loaded once
    ours = cost()
    monkeypatch.setattr(passwords, "_LOOKED_AT", 72)
    assert ours < cost() / 2
