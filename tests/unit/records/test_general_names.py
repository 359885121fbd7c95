"""Generalised forms have names of their own in an envelope, which nobody outside sees or can give."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from phivault.access.roles import Role
from phivault.errors import InvalidInput
from phivault.records import general_names
from phivault.records.create import create
from phivault.records.general_names import general_name, is_general, member_of
from phivault.records.open import classes_in
from phivault.records.read import read
from phivault.records.update import update
from tests.support.records_fakes import a_patient

if TYPE_CHECKING:
    from tests.support.records_fakes import World


def stored(world: World, id: str) -> list[str]:
    return [name for name in classes_in(world.store.versions["north", "Patient", id][-1]) if is_general(name)]


def test_a_name_leads_back_to_its_member() -> None:
    assert member_of(general_name("birthDate")) == member_of("deidentified.birthDate") == "birthDate"
    assert not is_general("birthDate")
    assert not is_general("_birthDate")


def test_a_general_form_costs_one_byte_beside_the_name_of_its_member(world: World) -> None:
    assert "-birthDate" in stored(world, world.make("Patient", a_patient()).id)


def test_rows_with_the_names_of_before_are_read_and_get_the_new_ones(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        before.setattr(general_names, "_MARK", "deidentified.")
        id = world.make("Patient", a_patient()).id
    assert "deidentified.birthDate" in stored(world, id)
    assert "-birthDate" not in stored(world, id)
    researcher, name = world.call(Role.RESEARCHER), world.pseudonym("Patient", id)
    assert json.loads(read(world.records, researcher, "Patient", name).body)["birthDate"] == "1979"
    whole = json.loads(read(world.records, world.call(), "Patient", id).body)
    assert whole["birthDate"] == "1979-04-06"
    assert not any(map(is_general, whole))

    update(world.records, world.call(), "Patient", id, json.dumps(a_patient() | {"id": id}).encode())
    assert "-birthDate" in stored(world, id)
    assert "deidentified.birthDate" not in stored(world, id)


@pytest.mark.parametrize("name", ["-birthDate", "deidentified.birthDate"])
def test_a_client_can_not_give_one(world: World, name: str) -> None:
    with pytest.raises(InvalidInput):
        create(world.records, world.call(), "Patient", json.dumps(a_patient() | {name: "1979"}).encode())
    assert not world.store.versions
