"""Whose relation a RelatedPerson is stands sealed under their own key: whatever opens it to decide leaves a line that
accounts for it, else somebody's use of that key beside the application would look no different."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from phivault.audit.reconcile.mentions import accounts_for, of_line
from phivault.errors import PhivaultError
from phivault.records.bundles import answer
from phivault.records.create import create, create_conditionally
from phivault.records.everything import everything
from phivault.records.history import history
from phivault.records.search import search
from phivault.records.validating import validating
from tests.support.records_fakes import BASE_URL, World, a_patient, an_observation

RELATED = "RelatedPerson"
MORE = b'{"resourceType":"RelatedPerson","patient":{"reference":"Patient/%s"},"name":[{"family":"Other"}]}'


def _relative(patient: str) -> dict[str, Any]:
    return {"resourceType": RELATED, "patient": {"reference": f"Patient/{patient}"}, "name": [{"family": "Qwertz"}]}


def _observed(patient: str, relative: str) -> bytes:
    return json.dumps(an_observation(patient, performer=[{"reference": f"{RELATED}/{relative}"}])).encode()


def _everything(world: World, patient: str, _: str) -> object:
    return everything(world.records, world.call(), patient, {}, base_url=BASE_URL)


def _reference(world: World, patient: str, relative: str) -> object:
    return create(world.records, world.call(), "Observation", _observed(patient, relative))


def _validate(world: World, patient: str, relative: str) -> object:
    return validating(world.records, world.call(), "Observation", _observed(patient, relative))


def _condition(world: World, patient: str, _: str) -> object:
    return create_conditionally(world.records, world.call(), RELATED, MORE % patient.encode(), f"patient={patient}")


def _condition_of_two(world: World, patient: str, relative: str) -> object:
    world.make(RELATED, _relative(patient))
    world.forget()
    world.cold()
    return _condition(world, patient, relative)


def _batch(world: World, patient: str, relative: str) -> object:
    resource = json.loads(_observed(patient, relative))
    entry = {"request": {"method": "POST", "url": "Observation"}, "resource": resource}
    bundle = {"resourceType": "Bundle", "type": "batch", "entry": [entry]}
    return answer(world.records, world.call(), json.dumps(bundle).encode(), base_url=BASE_URL)


def _search(world: World, patient: str, _: str) -> object:
    return search(world.records, world.call(), RELATED, [("patient", patient)], base_url=BASE_URL)


def _history(world: World, _: str, relative: str) -> object:
    return history(world.records, world.call(), RELATED, relative, {}, base_url=BASE_URL)


type Way = Callable[[World, str, str], object]
WAYS: list[Way] = [
    _everything, _reference, _validate, _condition, _condition_of_two, _batch, _search, _history,
]  # fmt: skip


@pytest.fixture
def used(world: World, monkeypatch: pytest.MonkeyPatch) -> set[tuple[str, str]]:
    """Whose keys are unwrapped: tenant and subject."""
    found: set[tuple[str, str]] = set()
    real = world.wrapper.unwrap

    def spy(tenant: str, subject: str, wrapped: bytes) -> bytes:
        found.add((tenant, subject))
        return real(tenant, subject, wrapped)

    monkeypatch.setattr(world.wrapper, "unwrap", spy)
    return found


def _unaccounted(world: World, used: set[tuple[str, str]]) -> set[str]:
    lines = [line for chain in world.locked.chains().values() for line in chain]
    mentioned = {key for line in lines if (mention := of_line(line)) is not None for key in mention.keys}
    return {subject for tenant, subject in used if mentioned.isdisjoint(accounts_for(tenant, subject))}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("whose", ["own", "another's"])
def test_every_key_that_is_used_is_accounted_for(
    world: World, used: set[tuple[str, str]], patient: str, way: Way, whose: str
) -> None:
    about = patient if whose == "own" else world.make("Patient", a_patient()).id
    relative = world.make(RELATED, _relative(about)).id
    world.forget()
    world.cold()
    used.clear()
    try:
        way(world, patient, relative)
    except PhivaultError as refused:
        assert refused.status < 500  # noqa: PT017  # some are refused, and leave lines all the same
    assert not _unaccounted(world, used)


def test_the_check_finds_what_is_not_accounted_for(world: World, used: set[tuple[str, str]], patient: str) -> None:
    world.forget()
    world.cold()
    world.records.keys.for_unsealing("north", f"Patient/{patient}", 1)
    assert _unaccounted(world, used) == {f"Patient/{patient}"}
