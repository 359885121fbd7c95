"""Somebody who sees a patient, or a version, but nothing sensitive, asks for small pages: were what is kept from them
looked at ten times and passed over, a next link would tell of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from phivault.access.roles import Role
from phivault.audit.event import Action
from phivault.errors import AccessDenied, IntegrityError
from phivault.records.call import Call
from phivault.records.delete import delete
from phivault.records.everything import everything
from phivault.records.history import history
from phivault.records.update import update
from tests.support.consents import consent, labels
from tests.support.facts import Given
from tests.support.records_fakes import BASE_URL, World

ICD = "http://hl7.org/fhir/sid/icd-10-cm"
SHOWN, HIDDEN = "I10", "F32.9"
"""High blood pressure, and an episode of depression."""
MEMBER = "a-plain-member"
PSYCHIATRY = {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "PSY"}]}


def a_condition(patient: str, code: str = HIDDEN, **changes: Any) -> dict[str, Any]:
    return {
        "resourceType": "Condition",
        "subject": {"reference": f"Patient/{patient}"},
        "code": {"coding": [{"system": ICD, "code": code}]},
    } | changes


def a_relative(patient: str, **changes: Any) -> dict[str, Any]:
    relative = {"resourceType": "RelatedPerson", "active": True, "name": [{"family": "Qqqvist"}]}
    return relative | {"patient": {"reference": f"Patient/{patient}"}} | changes


def hide(world: World, patient: str) -> None:
    """Five dozen that a plain member may see nothing of, before and behind what they see."""
    for _ in range(30):
        world.make("Condition", a_condition(patient))
        world.make("AllergyIntolerance", hidden_allergy(patient))


def hidden_allergy(patient: str) -> dict[str, Any]:
    about = {"patient": {"reference": f"Patient/{patient}"}, "meta": PSYCHIATRY}
    return {"resourceType": "AllergyIntolerance", "code": {"text": "Penicillin"}} | about


@pytest.fixture
def member(world: World, patient: str) -> Call:
    """Of the patient's care team, without the sensitive class."""
    world.facts.plain_members.add(("north", patient, MEMBER))
    return world.call(user_id=MEMBER)


def pages(ask: Callable[[dict[str, str]], bytes], asked: dict[str, str]) -> list[tuple[list[str], list[str]]]:
    """Of every page: what it has, and the relations of its links."""
    found, more = [], dict(asked)
    while more and len(found) < 100:
        bundle = json.loads(ask(more))
        entries = [f"{e['resource']['resourceType']}/{e['resource']['id']}" for e in bundle.get("entry", [])]
        found.append((entries, [link["relation"] for link in bundle["link"]]))
        following = [link["url"] for link in bundle["link"] if link["relation"] == "next"]
        more = dict(parse_qsl(urlsplit(following[0]).query)) if following else {}
    return found


def everything_of(world: World, call: Call, patient: str, asked: dict[str, str]) -> list[tuple[list[str], list[str]]]:
    world.forget()
    return pages(lambda more: everything(world.records, call, patient, more, base_url=BASE_URL).body, asked)


@pytest.mark.parametrize("count", ["1", "2", "3", "100"])
@pytest.mark.parametrize(
    "narrowed",
    [
        {},
        {"_since": "2026-01-01T00:00:00Z"},
        {"_type": "Condition"},
        {"_type": "AllergyIntolerance"},
        {"_type": "RelatedPerson"},
    ],
)
def test_what_is_hidden_of_a_patient_ends_no_page_and_makes_no_next_link(
    world: World, patient: str, member: Call, count: str, narrowed: dict[str, str]
) -> None:
    made = [
        world.make("Condition", a_condition(patient, SHOWN)).id,
        world.make("RelatedPerson", a_relative(patient)).id,
    ]
    asked = narrowed | {"_count": count}
    without = everything_of(world, member, patient, asked)
    recorded = [(event.action, event.resource, event.classes) for event in world.events]
    hide(world, patient)
    assert everything_of(world, member, patient, asked) == without
    assert [(event.action, event.resource, event.classes) for event in world.events] == recorded
    shown = [entry for entries, _ in without for entry in entries]
    whole = [f"Condition/{made[0]}", f"Patient/{patient}", f"RelatedPerson/{made[1]}"]
    assert shown == [each for each in whole if each.split("/")[0] in asked.get("_type", each)]
    assert [links for _, links in without] == [["self", "next"]] * (len(without) - 1) + [["self"]]
    assert without[-1][0] or not shown


def test_hidden_relatives_are_neither_counted_nor_opened(world: World, patient: str) -> None:
    """Each is a person with a key of their own, which is unwrapped to see whose they are: by how long that takes, or by
    what is on record of it, they could be counted, too."""
    phone = [{"system": "phone", "value": "+1 202 555 0143"}]
    reached = world.make("RelatedPerson", a_relative(patient, telecom=phone)).id
    world.facts.given["north", patient, "clinician-2"] = [Given(frozenset({"contact"}))]
    call = world.call(user_id="clinician-2")
    asked = {"_type": "RelatedPerson", "_count": "1"}
    assert everything_of(world, call, patient, asked) == [([f"RelatedPerson/{reached}"], ["self"])]
    before = keys_unwrapped(world, call, patient, asked)
    for _ in range(30):
        world.make("RelatedPerson", a_relative(patient))
    assert everything_of(world, call, patient, asked) == [([f"RelatedPerson/{reached}"], ["self"])]
    assert keys_unwrapped(world, call, patient, asked) == before


def keys_unwrapped(world: World, call: Call, patient: str, asked: dict[str, str]) -> int:
    world.cold()
    page = everything(world.records, call, patient, asked, base_url=BASE_URL)
    assert page.count == 1
    return world.steps.count("unwrap")


def test_who_may_see_them_does(world: World, patient: str, member: Call) -> None:
    hide(world, patient)
    found = everything_of(world, world.call(), patient, {"_count": "5"})
    assert sum(len(entries) for entries, _ in found) == 61
    world.facts.given["north", patient, MEMBER] = [Given(frozenset({"sensitive"}))]
    assert sum(len(entries) for entries, _ in everything_of(world, member, patient, {"_count": "5"})) == 61
    world.facts.given["north", patient, MEMBER] = []
    assert sum(len(entries) for entries, _ in everything_of(world, member, patient, {"_count": "5"})) == 1


def test_the_same_of_what_a_consent_withholds(world: World, patient: str) -> None:
    """From who would see it all without."""
    deny = consent(patient, type="deny", securityLabel=labels("sensitive"))
    world.make("Condition", a_condition(patient, SHOWN))
    world.make("Consent", deny, world.call(Role.PATIENT, patient_id=patient))
    without = everything_of(world, world.call(), patient, {"_count": "1"})
    hide(world, patient)
    assert everything_of(world, world.call(), patient, {"_count": "1"}) == without


def history_of(world: World, call: Call, id: str, asked: dict[str, str]) -> list[tuple[int, list[str]]]:
    def ask(more: dict[str, str]) -> bytes:
        return history(world.records, call, "Condition", id, more, base_url=BASE_URL).body

    world.forget()
    return [(len(entries), links) for entries, links in pages(ask, asked)]


def written(world: World, patient: str, codes: list[str]) -> str:
    """A condition whose versions have these codes, the first one first."""
    made = world.make("Condition", a_condition(patient, codes[0])).id
    for code in codes[1:]:
        update(world.records, world.call(), "Condition", made, json.dumps(a_condition(patient, code, id=made)).encode())
    return made


@pytest.mark.parametrize("count", ["1", "2", "3", "100"])
@pytest.mark.parametrize("narrowed", [{}, {"_since": "2026-01-01T00:00:00Z"}])
@pytest.mark.parametrize(("before", "between", "behind"), [(30, 0, 0), (0, 30, 0), (0, 0, 30), (25, 25, 25)])
def test_hidden_versions_end_no_page_and_make_no_next_link(
    world: World,
    patient: str,
    member: Call,
    count: str,
    narrowed: dict[str, str],
    before: int,
    between: int,
    behind: int,
) -> None:
    """How many versions there are is told by the number of each; which hold what, by nothing."""
    asked = narrowed | {"_count": count}
    plain = written(world, patient, [SHOWN] * 4)
    hidden = [HIDDEN]
    codes = [*hidden * before, SHOWN, SHOWN, *hidden * between, SHOWN, SHOWN, *hidden * behind]
    mixed = written(world, patient, codes)
    without = history_of(world, member, plain, asked)
    assert history_of(world, member, mixed, asked) == without
    assert sum(number for number, _ in without) == 4
    assert sum(number for number, _ in history_of(world, world.call(), mixed, asked)) == len(codes)


def test_deletions_are_shown_among_hidden_versions(world: World, patient: str, member: Call) -> None:
    made = written(world, patient, [SHOWN, *[HIDDEN] * 30])
    delete(world.records, world.call(), "Condition", made)
    world.forget()
    body = history(world.records, member, "Condition", made, {"_count": "2"}, base_url=BASE_URL).body
    bundle = json.loads(body)
    assert [entry["request"]["method"] for entry in bundle["entry"]] == ["DELETE", "POST"]
    assert [link["relation"] for link in bundle["link"]] == ["self"]


@pytest.mark.parametrize("taken", [1, 2, 16, 31])
@pytest.mark.parametrize("count", ["1", "100"])
def test_a_hidden_version_that_was_taken_away_is_missed(
    world: World, patient: str, member: Call, taken: int, count: str
) -> None:
    """What the caller isn't shown is still looked after: who writes to the database takes nothing away."""
    made = written(world, patient, [*[HIDDEN] * 31, SHOWN])
    del world.store.versions["north", "Condition", made][taken - 1]
    with pytest.raises(IntegrityError):
        history_of(world, member, made, {"_count": count})


@pytest.mark.parametrize("number", [1, 12, 40])
def test_who_sees_no_version_is_told_nothing_however_many_there_are(
    world: World, patient: str, member: Call, number: int
) -> None:
    made = written(world, patient, [HIDDEN] * number)
    with pytest.raises(AccessDenied):
        history_of(world, member, made, {"_count": "1"})
    assert (world.recorded().error, world.recorded().action) == ("denied", Action.HISTORY)
