"""Somebody who can write to the database moves, mixes and relabels rows: nothing of it opens."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from phivault.access.roles import Role
from phivault.audit.event import RiskLevel
from phivault.crypto.envelope import read_header
from phivault.errors import IntegrityError
from phivault.records.read import read
from phivault.records.search import search
from phivault.records.store import SealedVersion
from phivault.records.update import update
from phivault.records.vread import vread
from tests.support.records_fakes import BASE_URL, World, a_patient, an_observation

FIXED_HEADER_BYTES = 42
ADMINISTRATIVE = b"\x01"


def relabelled(envelope: bytes) -> bytes:
    """Every element said to be administrative."""
    count = len(read_header(envelope).elements)
    end = FIXED_HEADER_BYTES + count
    changed = envelope[:FIXED_HEADER_BYTES] + ADMINISTRATIVE * count + envelope[end:]
    assert {element.data_class for element in read_header(changed).elements} == {"administrative"}
    return changed


def refused(world: World, role: Role, type: str, id: str) -> None:
    world.forget()
    for attempt in (
        lambda: read(world.records, world.call(role), type, id),
        lambda: vread(world.records, world.call(role), type, id, 1),
        lambda: search(world.records, world.call(role), type, [("_id", id)], base_url=BASE_URL),
    ):
        with pytest.raises(IntegrityError):
            attempt()
        assert world.events[-1].risk is RiskLevel.CRITICAL


def test_relabelled_elements_do_not_open_for_who_may_see_the_label(world: World, patient: str) -> None:
    envelope = world.store.read("north", "Patient", patient).envelope
    world.store.replace("north", "Patient", patient, envelope=relabelled(envelope))
    refused(world, Role.CARE_COORDINATOR, "Patient", patient)


@pytest.mark.parametrize(
    "place",
    [
        lambda mine, theirs: {"envelope": theirs.envelope},
        lambda mine, theirs: {"envelope": theirs.envelope, "subject": theirs.subject},
    ],
)
def test_another_resources_envelope_does_not_open(
    world: World, patient: str, place: Callable[[SealedVersion, SealedVersion], dict[str, object]]
) -> None:
    other = world.make("Patient", a_patient()).id
    mine, theirs = (world.store.read("north", "Patient", id) for id in (patient, other))
    world.store.replace("north", "Patient", patient, **place(mine, theirs))
    refused(world, Role.CLINICIAN, "Patient", patient)


def test_a_strangers_resource_given_to_ones_own_patient_does_not_open(world: World, patient: str) -> None:
    stranger = world.call(user_id="clinician-2")
    victim = world.make("Patient", a_patient(), stranger).id
    observation = world.make("Observation", an_observation(victim), stranger).id
    world.store.replace("north", "Observation", observation, subject=f"Patient/{patient}")
    refused(world, Role.CLINICIAN, "Observation", observation)


def test_another_tenants_row_does_not_open(world: World, patient: str) -> None:
    world.store.versions["south", "Patient", patient] = world.store.versions["north", "Patient", patient]
    world.facts.members["south", patient, "clinician-1"] = Role.CLINICIAN
    with pytest.raises(IntegrityError):
        read(world.records, world.call(tenant="south"), "Patient", patient)


def test_an_older_version_does_not_pass_for_the_newest(world: World, patient: str) -> None:
    body = read(world.records, world.call(), "Patient", patient).body
    first = world.store.read("north", "Patient", patient).envelope
    update(world.records, world.call(), "Patient", patient, body)
    world.store.replace("north", "Patient", patient, envelope=first)
    with pytest.raises(IntegrityError):
        read(world.records, world.call(), "Patient", patient)


@pytest.mark.parametrize("cut", [0, 1, 41, 100, -1])
def test_a_cut_envelope_does_not_open(world: World, patient: str, cut: int) -> None:
    envelope = world.store.read("north", "Patient", patient).envelope
    world.store.replace("north", "Patient", patient, envelope=envelope[:cut])
    refused(world, Role.CLINICIAN, "Patient", patient)
