"""A call over many cold patients fetches each key once, 16 at a time."""

from __future__ import annotations

import time
from threading import Event, Lock

import pytest

from phivault.access.roles import Role
from phivault.records.everything import everything
from phivault.records.search import search
from tests.support.bounded import HANGS
from tests.support.consents import consent
from tests.support.records_fakes import BASE_URL, World, a_patient

PEOPLE = 40
FEWEST, MOST = 9, 16  # at once: keys of a few may have to wait for each other


class Crowd:
    """How many unwrap at the same time, but for ``alone``, whose keys are asked for singly. The first stay until so
    many have come as should, however slowly threads begin."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch, *alone: str) -> None:
        self.most = self._now = 0
        self._lock, self._unwrap = Lock(), world.wrapper.unwrap
        self._alone, self._complete = alone, Event()
        monkeypatch.setattr(world.wrapper, "unwrap", self._counted)

    def _counted(self, tenant: str, subject: str, wrapped: bytes) -> bytes:
        if subject in self._alone:
            return self._unwrap(tenant, subject, wrapped)
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
            if self._now >= FEWEST:
                self._complete.set()
        if not self._complete.wait(HANGS):
            self._complete.set()  # they don't come: nobody else needs to wait for them
        time.sleep(0.01)  # for one more than should
        try:
            return self._unwrap(tenant, subject, wrapped)
        finally:
            with self._lock:
                self._now -= 1


def consenting(world: World) -> str:
    patient = world.make("Patient", a_patient()).id
    world.make("Consent", consent(patient, type="permit"), world.call(Role.PATIENT, patient_id=patient))
    return patient


def test_consents_of_many_cold_patients(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(PEOPLE):
        consenting(world)
    world.cold()
    crowd = Crowd(world, monkeypatch)
    asked = [("_count", "100")]
    found = search(world.records, world.call(), "Patient", asked, base_url=BASE_URL)
    assert found.count == PEOPLE
    assert world.wrapper.calls == ["unwrap"] * PEOPLE
    assert FEWEST <= crowd.most <= MOST
    search(world.records, world.call(), "Patient", asked, base_url=BASE_URL)
    assert world.wrapper.calls == ["unwrap"] * PEOPLE


def test_one_erased_consenter_hinders_nobody(world: World) -> None:
    made = [consenting(world) for _ in range(3)]
    world.destroy_key(f"Patient/{made[0]}")
    found = search(world.records, world.call(), "Patient", [], base_url=BASE_URL)
    assert found.count == 2


def test_everything_with_many_relatives(world: World, patient: str, monkeypatch: pytest.MonkeyPatch) -> None:
    relative = {"resourceType": "RelatedPerson", "patient": {"reference": f"Patient/{patient}"}}
    for _ in range(PEOPLE):
        world.make("RelatedPerson", relative)
    world.cold()
    crowd = Crowd(world, monkeypatch, "Index")
    found = everything(world.records, world.call(), patient, {"_count": "100"}, base_url=BASE_URL)
    assert found.count == PEOPLE + 1
    assert len(world.wrapper.calls) == PEOPLE + 2, "of each relative, of the patient, of the index"
    assert FEWEST <= crowd.most <= MOST
