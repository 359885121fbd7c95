"""Pseudonyms: a permutation of ids, stable within a project and leading nowhere outside it."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phivault.access.roles import Role
from phivault.audit.event import Action
from phivault.crypto.subject_key import SubjectKey
from phivault.errors import AccessDenied, Gone, IntegrityError, InvalidInput, NotFound
from phivault.records.pseudonyms import Pseudonyms
from phivault.records.read import read
from phivault.records.search import search
from phivault.records.vread import vread
from tests.support.people import TREATMENT
from tests.support.records_fakes import BASE_URL, PROJECT, World, a_patient, an_observation

A_UUID = "7b0c9f7e-3d52-4c8a-9a41-5f0e6c2d1b88"
NAMES = Pseudonyms(SubjectKey("north", "Project/study-7", 1, bytes(range(32))))
SUBJECT = f"Project/{PROJECT}"
ids = st.uuids().map(str)


@given(ids)
def test_a_pseudonym_leads_back(id: str) -> None:
    pseudonym = NAMES.of("Patient", id)
    assert NAMES.real("Patient", pseudonym) == id
    assert uuid.UUID(pseudonym) != uuid.UUID(id)


@given(ids, ids)
def test_two_ids_never_share_a_pseudonym(one: str, other: str) -> None:
    assert (NAMES.of("Patient", one) == NAMES.of("Patient", other)) == (one == other)


@given(ids)
def test_every_type_project_tenant_and_key_names_differently(id: str) -> None:
    key = SubjectKey("north", "Project/study-7", 1, bytes(range(32)))
    others = [
        replace(key, tenant="south"),
        replace(key, subject="Project/study-8"),
        replace(key, material=bytes(32)),
    ]
    names = {NAMES.of("Patient", id), NAMES.of("Observation", id)}
    names |= {Pseudonyms(other).of("Patient", id) for other in others}
    assert len(names) == 5


@pytest.mark.parametrize("id", ["", "p-1", "0" * 32, A_UUID.upper(), f"{A_UUID}\n"])
def test_only_ids_of_this_server_are_named(id: str) -> None:
    with pytest.raises(IntegrityError):
        NAMES.of("Patient", id)
    with pytest.raises(NotFound):
        NAMES.real("Patient", id)


def test_pseudonyms_outlive_a_rotation_of_the_projects_key(world: World, patient: str) -> None:
    name = world.pseudonym("Patient", patient)
    newer = world.wrapper.wrap("north", SUBJECT, b"n" * 32)
    assert world.key_store.create("north", SUBJECT, 2, newer)
    world.cold()
    assert world.pseudonym("Patient", patient) == name


def test_a_destroyed_project_key_ends_its_pseudonyms_for_good(world: World, patient: str) -> None:
    name = world.pseudonym("Patient", patient)
    world.destroy_key(SUBJECT)
    with pytest.raises(Gone):
        read(world.records, world.call(Role.RESEARCHER), "Patient", name)


def test_the_key_is_unwrapped_once_for_many_reads(world: World, patient: str) -> None:
    name = world.pseudonym("Patient", patient)
    world.cold()
    for _ in range(3):
        read(world.records, world.call(Role.RESEARCHER), "Patient", name)
    assert world.wrapper.calls == ["unwrap", "unwrap"]  # the project's, the patient's


def test_data_of_one_person_joins_within_the_project(world: World, patient: str) -> None:
    made = world.make("Observation", an_observation(patient)).id
    researcher = world.call(Role.RESEARCHER)
    name = world.pseudonym("Patient", patient)
    found = search(world.records, researcher, "Observation", [("patient", name)], base_url=BASE_URL)
    bundle = json.loads(found.body)
    (entry,) = bundle["entry"]
    assert entry["resource"]["subject"] == {"reference": f"Patient/{name}"}
    assert entry["resource"]["id"] == world.pseudonym("Observation", made)
    assert entry["fullUrl"] == f"{BASE_URL}/Observation/{entry['resource']['id']}"
    assert bundle["link"][0]["url"] == f"{BASE_URL}/Observation?patient={name}"
    assert (
        read(world.records, researcher, "Observation", entry["resource"]["id"]).body
        == json.dumps(entry["resource"], separators=(",", ":")).encode()
    )


def test_a_search_by_pseudonyms_is_recorded_with_the_real_ids(world: World, patient: str) -> None:
    name = world.pseudonym("Patient", patient)
    world.forget()
    search(world.records, world.call(Role.RESEARCHER), "Patient", [("_id", name)], base_url=BASE_URL)
    intent, release = world.events
    assert (intent.patient, release.patient, release.resource_id) == ("", patient, patient)
    assert all(f"project:{PROJECT}" in event.flags for event in world.events)


def test_lists_go_through_everybody_once_in_an_order_of_the_project(world: World, patient: str) -> None:
    made = {patient, *(world.make("Patient", a_patient()).id for _ in range(11))}
    world.facts.approvals["north", "researcher-1"] = frozenset({PROJECT, "other"})
    orders = []
    for project in (PROJECT, "other"):
        call, url = world.call(Role.RESEARCHER, project=project), [("_count", "5")]
        names = {world.pseudonym("Patient", id, call): id for id in made}
        order: list[str] = []
        while url:
            page = json.loads(search(world.records, call, "Patient", url, base_url=BASE_URL).body)
            order += [names[entry["resource"]["id"]] for entry in page["entry"]]
            following = [link["url"] for link in page["link"] if link["relation"] == "next"]
            url = [("_cursor", following[0].partition("_cursor=")[2])] if following else []
        assert sorted(order) == sorted(made)
        orders.append(order)
    assert orders[0] != orders[1]
    assert sorted(made) not in orders


def test_a_list_of_one_project_does_not_go_on_in_another(world: World, patient: str) -> None:
    world.make("Patient", a_patient())
    world.facts.approvals["north", "researcher-1"] = frozenset({PROJECT, "other"})
    asked = world.call(Role.RESEARCHER)
    page = json.loads(search(world.records, asked, "Patient", [("_count", "1")], base_url=BASE_URL).body)
    (following,) = [link["url"] for link in page["link"] if link["relation"] == "next"]
    cursor = [("_cursor", following.partition("_cursor=")[2])]
    assert search(world.records, asked, "Patient", cursor, base_url=BASE_URL).count == 1
    with pytest.raises(InvalidInput):
        search(world.records, world.call(Role.RESEARCHER, project="other"), "Patient", cursor, base_url=BASE_URL)


def test_no_version_is_told_or_read(world: World, patient: str) -> None:
    researcher, name = world.call(Role.RESEARCHER), world.pseudonym("Patient", patient)
    assert read(world.records, researcher, "Patient", name).version == 0
    with pytest.raises(AccessDenied):
        vread(world.records, researcher, "Patient", name, 1)


@pytest.mark.parametrize("changes", [{"project": ""}, {"project": "another"}, {"purpose": TREATMENT}])
def test_without_an_approved_project_nothing_is_looked_up_and_no_key_is_made(world: World, changes: dict) -> None:
    call = world.call(Role.RESEARCHER, **changes)
    for ask in (
        lambda: read(world.records, call, "Patient", str(uuid.uuid4())),
        lambda: search(world.records, call, "Observation", [], base_url=BASE_URL),
    ):
        with pytest.raises(AccessDenied):
            ask()
    assert world.store.calls == []
    assert world.wrapper.calls == []
    assert [event.error for event in world.events if event.action is not Action.KEY_CREATE] == ["denied", "denied"]


def test_the_directory_has_its_own_ids(world: World) -> None:
    made = world.make("Organization", {"resourceType": "Organization", "name": "Example Clinic"}).id
    with pytest.raises(AccessDenied):  # nobody granted it; a pseudonym of it would not be found
        read(world.records, world.call(Role.RESEARCHER), "Organization", made)
