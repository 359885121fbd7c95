from __future__ import annotations

import json
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phivault.crypto.subject_keys import SubjectKeys
from phivault.errors import Gone, Unprocessable
from phivault.records.create import create
from phivault.records.index.criterion import criterion
from phivault.records.index.key import SUBJECT, TOKEN_BYTES, IndexKey, index_key
from phivault.records.index.parameters import parameters
from phivault.records.index.tokens import MAX_TOKENS, tokens
from phivault.records.json_members import encode
from phivault.records.types import TYPES
from tests.support.records_fakes import World, a_patient, an_observation
from tests.support.subject_keys import MemoryStore, MemoryWrapper

KEY = IndexKey(bytes(range(32)))


def members(resource: dict[str, Any]) -> dict[str, bytes]:
    return {name: json.dumps(value).encode() for name, value in resource.items() if name != "resourceType"}


def test_a_token_is_eight_bytes_and_the_same_for_the_same_value() -> None:
    found = tokens(KEY, "Patient", members(a_patient()))
    assert found == tokens(KEY, "Patient", members(a_patient()))
    assert {len(token) for token in found} == {TOKEN_BYTES}


def test_two_tenants_with_equal_data_share_no_token() -> None:
    keys = SubjectKeys(MemoryStore(), MemoryWrapper())
    north, south = (tokens(index_key(keys, name), "Patient", members(a_patient())) for name in ("north", "south"))
    assert len(north) == len(south) > 10
    assert north.isdisjoint(south)


def test_a_token_is_of_one_type_and_field() -> None:
    """The same value everywhere: only fields that are one and the same share tokens."""
    held: dict[tuple[str, str], set[bytes]] = {}
    for type in TYPES:
        for parameter in parameters(type).values():
            for field in parameter.fields:
                held.setdefault((type, field.name), set()).update(
                    KEY.token(type, field.name, term) for term in ("active", "at:2026", "in:2026")
                )
    assert all(one.isdisjoint(other) for one, other in combinations(held.values(), 2))


@given(st.lists(st.text(max_size=4), min_size=3, max_size=3), st.lists(st.text(max_size=4), min_size=3, max_size=3))
def test_no_part_flows_into_the_next(one: list[str], other: list[str]) -> None:
    assert (KEY.token(*one) == KEY.token(*other)) is (one == other)


def test_every_parameter_finds_what_has_its_value() -> None:
    patient = members(a_patient(identifier=[{"system": "urn:x", "value": "MR-1"}], deceasedDateTime="2026-01-02"))
    held = tokens(KEY, "Patient", patient)
    asked = {
        "identifier": "urn:x|MR-1",
        "gender": "female",
        "name": "qwer",
        "family": "ZYX",
        "given": "Qwerty",
        "birthdate": "1979",
        "death-date": "ge2026",
        "phone": "202-555-0143",
    }
    for name, value in asked.items():
        one = criterion("Patient", name, [value])
        assert held.intersection(one.groups(KEY)), name
        assert one.matches(patient), name


def test_a_contained_resource_and_an_unknown_element_are_not_indexed() -> None:
    plain = members(a_patient())
    assert tokens(KEY, "Patient", plain | {"contained": b'[{"name":[{"family":"Other"}]}]', "nom": b'"x"'}) == tokens(
        KEY, "Patient", plain
    )


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"name": [{"given": [f"{n:04}abcdef" for n in range(200)]}]}, "name"),
        ({"identifier": [{"value": str(n)} for n in range(MAX_TOKENS + 1)]}, "identifier"),
        ({"telecom": [{"system": "email", "value": f"{n}@example.org"} for n in range(MAX_TOKENS)]}, "email"),
    ],
)
def test_too_many_values_are_refused_by_parameter(world: World, changes: dict[str, Any], name: str) -> None:
    body = json.dumps(a_patient(**changes)).encode()
    with pytest.raises(Unprocessable, match=f"^Patient holds too many values to be searched by {name}$"):
        create(world.records, world.call(), "Patient", body)
    assert world.store.versions == {}


def test_a_write_carries_its_patient_and_tokens(world: World) -> None:
    id = world.make("Patient", a_patient()).id
    observation = world.make("Observation", an_observation(id))
    key = index_key(world.records.keys, "north")
    patient, found = world.store.tokens["north", "Observation", observation.id]
    assert patient == id
    assert found == tokens(key, "Observation", members(an_observation(id)))
    assert world.store.tokens["north", "Patient", id][0] == id
    assert "tokens" not in repr(world.store.versions)
    assert world.store.versions["north", "Patient", id][-1].tokens == frozenset()


def test_a_sensitive_resource_is_indexed_too(world: World) -> None:
    """Whether it may be found by is decided by its classes, when it is searched."""
    id = world.make("Patient", a_patient()).id
    code = {"coding": [{"system": "http://loinc.org", "code": "75622-1"}], "text": "HIV 1 and 2 tests"}
    observation = world.make("Observation", an_observation(id, code=code))
    key = index_key(world.records.keys, "north")
    _, found = world.store.tokens["north", "Observation", observation.id]
    assert found.intersection(criterion("Observation", "code", ["75622-1"]).groups(key))


def test_the_key_of_a_tenant_is_version_1_for_good() -> None:
    store, wrapper = MemoryStore(), MemoryWrapper()
    before = index_key(SubjectKeys(store, wrapper), "north")
    store.create("north", SUBJECT, 2, wrapper.wrap("north", SUBJECT, b"\x07" * 32))
    assert index_key(SubjectKeys(store, wrapper), "north") == before
    assert index_key(SubjectKeys(store, wrapper), "south") != before


def test_it_is_unwrapped_once_for_many_writes(world: World) -> None:
    id = world.make("Patient", a_patient()).id
    world.cold()
    for _ in range(5):
        world.make("Observation", an_observation(id))
    assert world.steps.count("unwrap") == 2  # the patient's and the index's


def test_without_its_key_nothing_is_written(world: World) -> None:
    world.make("Patient", a_patient())
    world.destroy_key(SUBJECT)
    with pytest.raises(Gone):
        world.make("Patient", a_patient())
    assert len(world.store.versions) == 1


def test_the_key_prints_without_its_bytes() -> None:
    assert repr(KEY) == "IndexKey()"


def test_encoding_does_not_matter() -> None:
    plain, escaped = b'[{"family":"Mu\xc3\xb1oz"}]', b'[ {"family" : "Mu\\u00f1oz"} ]'
    assert tokens(KEY, "Patient", {"name": plain}) == tokens(KEY, "Patient", {"name": escaped})
    assert tokens(KEY, "Patient", {"name": encode([{"family": "MUNOZ"}])}) == tokens(KEY, "Patient", {"name": plain})
