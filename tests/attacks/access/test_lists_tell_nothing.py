"""Somebody counts what they can't see: by pages, next links, ids that they guess, errors, versions and time."""

from __future__ import annotations

import itertools
import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from phivault.access.facts import PatientFacts
from phivault.access.purpose import Purpose
from phivault.access.roles import Role
from phivault.errors import PhivaultError
from phivault.records import look
from phivault.records.call import Call
from phivault.records.delete import delete
from phivault.records.read import read
from phivault.records.search import search
from phivault.records.store import Holding, SealedVersion
from phivault.records.update import update
from phivault.records.vread import vread
from tests.support.people import EMERGENCY, OPERATIONS, PATIENT_REQUEST, TREATMENT
from tests.support.records_fakes import BASE_URL, MemoryResources, World, a_patient, an_observation

OTHERS = 40
ABSENT = "0199b3c2-0000-4000-8000-000000000009"
TYPES = ("Patient", "Observation", "Condition")


class Indexed(MemoryResources):
    """Finds what belongs to a subject in a time that doesn't depend on anybody else's rows, as an index does."""

    def commit(self, tenant: str, writes: Sequence[SealedVersion], **more: Any) -> None:
        super().commit(tenant, writes, **more)
        self.indexed = getattr(self, "indexed", {})
        for write in writes:
            self.indexed.setdefault((tenant, write.type, write.subject), set()).add(write.id)

    def of_subjects(self, tenant: str, type: str, subjects: Sequence[str]) -> list[SealedVersion]:
        return [each for subject in subjects for each in self._of(tenant, type, subject)]

    def search_among(self, tenant: str, type: str, *, among: Sequence[Holding], **asked: Any) -> list[SealedVersion]:
        self.calls.append("search_among")
        subjects = [each.subject for each in among]
        found = [each for subject in subjects for each in self._of(tenant, type, subject)]
        ids = asked["ids"]
        wanted = [
            each
            for each in found
            if (each.subject != subjects[0] or each.id > asked["after"]) and (ids is None or each.id in ids)
        ]
        return wanted[: asked["limit"]]

    def _of(self, tenant: str, type: str, subject: str) -> list[SealedVersion]:
        ids = sorted(getattr(self, "indexed", {}).get((tenant, type, subject), ()))
        newest = [self.versions[tenant, type, id][-1] for id in ids]
        return [each for each in newest if each.envelope is not None]


@pytest.fixture
def world() -> World:
    return indexed()


def indexed() -> World:
    world = World()
    world.store = Indexed(world.steps)
    world.records = replace(world.records, store=world.store)
    world.cold()  # so that consents are read from that store too
    return world


@pytest.fixture
def patient(world: World) -> str:
    """A patient of clinician-1, with one Observation."""
    id = world.make("Patient", a_patient()).id
    world.make("Observation", an_observation(id))
    return id


def others(world: World, count: int = OTHERS) -> list[str]:
    """Patients of clinician-2, with an Observation each."""
    theirs = world.call(user_id="clinician-2")
    made = [world.make("Patient", a_patient(), theirs).id for _ in range(count)]
    for id in made:
        world.make("Observation", an_observation(id), theirs)
    return made


def callers(world: World, patient: str) -> dict[str, Call]:
    """Everybody whom no stranger's record is shown."""
    world.facts.standing["north", patient, "carer"] = PatientFacts(patient, "north", delegated=frozenset({"clinical"}))
    world.facts.standing["north", patient, "rescuer"] = PatientFacts(patient, "north", emergency=True)
    return {
        "member": world.call(),
        "member, another purpose": world.call(purpose=OPERATIONS),
        "rescuer": world.call(user_id="rescuer", purpose=EMERGENCY),
        "nobody's clinician": world.call(user_id="clinician-3"),
        "patient": world.call(Role.PATIENT, patient_id=patient),
        "carer": world.call(Role.PATIENT, patient_id="another", user_id="carer"),
        "administrator": world.call(Role.TENANT_ADMIN),
        "auditor": world.call(Role.AUDITOR),
    }


def asked(patient: str, strangers: Sequence[str]) -> list[dict[str, str]]:
    mixed = ",".join(itertools.islice((id for pair in zip(strangers, [patient] * 50, strict=False) for id in pair), 60))
    return [
        {},
        {"_count": "1"},
        {"_id": ",".join(strangers[:50])},
        {"_id": mixed, "_count": "1"},
        {"patient": strangers[0]},
        {"patient": strangers[0], "_count": "1"},
        {"patient": strangers[0], "_id": mixed},
    ]


def pages(world: World, call: Call, type: str, parameters: dict[str, str]) -> list[list[str]]:
    """The ids on each page, as the links lead."""
    found, given = [], list(parameters.items())
    for _ in range(20):
        body = json.loads(search(world.records, call, type, given, base_url=BASE_URL).body)
        assert "total" not in body
        found.append([entry["resource"]["id"] for entry in body.get("entry", [])])
        following = [link["url"] for link in body["link"] if link["relation"] == "next"]
        if not following:
            return found
        given = parse_qsl(urlsplit(following[0]).query)
    raise AssertionError("There is no end to it")


def test_pages_and_links_are_the_same_whoever_else_there_is(world: World, patient: str) -> None:
    placeholders = [f"0199b3c2-0000-4000-8000-{number:012d}" for number in range(OTHERS)]
    who = callers(world, patient)
    alone = {
        (name, type, number): pages(world, call, type, parameters)
        for name, call in who.items()
        for type in TYPES
        for number, parameters in enumerate(asked(patient, placeholders))
    }
    assert alone["member", "Patient", 0] == [[patient]]
    assert alone["nobody's clinician", "Patient", 0] == [[]]
    strangers = others(world)
    for name, call in who.items():
        for type in TYPES:
            for number, parameters in enumerate(asked(patient, strangers)):
                seen = pages(world, call, type, parameters)
                assert seen == alone[name, type, number], (name, type, parameters)


def test_no_page_is_empty_with_a_link_to_another(world: World, patient: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even where the bounds of a search are as narrow as can be."""
    monkeypatch.setattr(look, "PAGE", 1)
    monkeypatch.setattr(look, "MAX_PAGES", 2)
    others(world)
    for call in callers(world, patient).values():
        for type in TYPES:
            for page in (pages(world, call, type, {"_count": "1"}), pages(world, call, type, {})):
                assert len(page) == 1 or all(page)


def test_a_search_does_the_same_work_whoever_else_there_is(world: World, patient: str) -> None:
    """Calls of stores, of keys and what is recorded."""

    def work(call: Call, type: str) -> tuple[list[str], int, int, int]:
        world.forget()
        loads = world.facts.loads
        pages(world, call, type, {})
        return list(world.store.calls), world.facts.loads - loads, len(world.events), len(world.wrapper.calls)

    who = callers(world, patient)
    alone = {(name, type): work(call, type) for name, call in who.items() for type in TYPES}
    others(world)
    assert {(name, type): work(call, type) for name, call in who.items() for type in TYPES} == alone


def test_a_patient_who_is_not_there_is_looked_for_like_one_out_of_reach(world: World, patient: str) -> None:
    (stranger,) = others(world, 1)
    for call in callers(world, patient).values():
        for type in TYPES:
            told = []
            for id in (stranger, ABSENT):
                world.forget()
                page = pages(world, call, type, {"patient": id})
                told.append((page, list(world.store.calls), [(e.success, e.error) for e in world.events]))
            assert told[0] == told[1]


def test_the_time_of_a_search_does_not_tell_how_many_others_there_are(world: World, patient: str) -> None:
    """Two worlds take turns, one of them with many strangers; what they take is compared as a whole."""
    crowded = world
    others(crowded, 300)
    alone = indexed()
    own = alone.make("Patient", a_patient()).id
    alone.make("Observation", an_observation(own))

    def taken(where: World) -> float:
        call = where.call()
        start = time.process_time_ns()
        for _ in range(5):
            search(where.records, call, "Observation", [], base_url=BASE_URL)
        return (time.process_time_ns() - start) / 5

    times: dict[str, list[float]] = {"alone": [], "crowded": []}
    for _ in range(40):
        times["alone"].append(taken(alone))
        times["crowded"].append(taken(crowded))
    ratio = statistics.median(b / a for a, b in zip(times["alone"], times["crowded"], strict=True))
    assert 0.7 < ratio < 1.4, "300 strangers' records, looked through, would take many times as long"


ATTEMPTS: dict[str, Callable[[World, Call, str], object]] = {
    "read": lambda world, call, at: read(world.records, call, "Patient", at),
    "first version": lambda world, call, at: vread(world.records, call, "Patient", at, 1),
    "third version": lambda world, call, at: vread(world.records, call, "Patient", at, 3),
    "hundredth version": lambda world, call, at: vread(world.records, call, "Patient", at, 100),
    "no version": lambda world, call, at: vread(world.records, call, "Patient", at, 0),
    "update": lambda world, call, at: update(world.records, call, "Patient", at, body(at)),
    "delete": lambda world, call, at: delete(world.records, call, "Patient", at),
} | {
    f"{verb} if {tag}": attempt
    for tag in ('W/"1"', 'W/"3"', 'W/"9"')
    for verb, attempt in {
        "update": lambda world, call, at, tag=tag: update(world.records, call, "Patient", at, body(at), if_match=tag),
        "delete": lambda world, call, at, tag=tag: delete(world.records, call, "Patient", at, if_match=tag),
    }.items()
}


def body(id: str) -> bytes:
    return json.dumps(a_patient(id=id, active=False)).encode()


def answer(world: World, call: Call, attempt: str, id: str) -> tuple[str, int, str]:
    with pytest.raises(PhivaultError) as refused:
        ATTEMPTS[attempt](world, call, id)
    return refused.value.code, refused.value.status, refused.value.detail


@pytest.mark.parametrize("purpose", [TREATMENT, EMERGENCY, PATIENT_REQUEST], ids=lambda purpose: purpose.of_use)
@pytest.mark.parametrize("attempt", list(ATTEMPTS))
def test_a_refusal_tells_neither_versions_nor_deletions(world: World, attempt: str, purpose: Purpose) -> None:
    """The same for what has one version, three, or was deleted: no 409, 410 or 412 gives it away."""
    theirs = world.call(user_id="clinician-2")
    once, thrice, gone = (world.make("Patient", a_patient(), theirs).id for _ in range(3))
    for active in (False, True):
        changed = json.dumps(a_patient(id=thrice, active=active)).encode()
        update(world.records, theirs, "Patient", thrice, changed)
    delete(world.records, theirs, "Patient", gone)
    caller = world.call(purpose=purpose)
    [(code, status, said)] = {answer(world, caller, attempt, id) for id in (once, thrice, gone)}
    assert (code, status) == ("denied", 403)
    assert "version" not in said


def test_another_tenants_resource_answers_as_one_that_never_was(world: World, patient: str) -> None:
    foreign = world.call(tenant="south")
    for attempt in ATTEMPTS:
        assert answer(world, foreign, attempt, patient) == answer(world, foreign, attempt, ABSENT)
        assert answer(world, foreign, attempt, patient)[1] == 404
