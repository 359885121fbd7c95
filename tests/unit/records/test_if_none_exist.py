"""Conditional creates: one resource for one condition, and nothing told of what the caller may not see."""

from __future__ import annotations

import json
from typing import Any

import pytest

from phivault.access.roles import Role
from phivault.audit.event import Action
from phivault.errors import (
    InvalidInput,
    PreconditionFailed,
    Unavailable,
    Unprocessable,
    UnsupportedParameter,
)
from phivault.records.bundles import answer
from phivault.records.call import Call
from phivault.records.create import create, create_conditionally
from phivault.records.delete import delete
from phivault.records.released import Released
from tests.support.records_fakes import BASE_URL, World, a_patient, an_observation

MRN = "identifier=urn:mrn%7CQ-77"
KNOWN = a_patient(identifier=[{"system": "urn:mrn", "value": "Q-77"}])


def make(
    world: World, resource: dict[str, Any] = KNOWN, query: str = MRN, call: Call | None = None, key: str | None = None
) -> tuple[Released, bool]:
    kind, body = resource["resourceType"], json.dumps(resource).encode()
    return create_conditionally(world.records, call or world.call(), kind, body, query, idempotency_key=key)


def patients(world: World) -> int:
    return sum(place[1] == "Patient" for place in world.store.versions)


def test_without_a_match_it_is_created_and_with_one_that_is_answered(world: World) -> None:
    first, made = make(world)
    assert made
    world.forget()
    again, made = make(world, a_patient())
    assert (again.id, again.version, made) == (first.id, 1, False)
    assert json.loads(again.body)["identifier"] == KNOWN["identifier"]
    event = world.recorded()
    assert (event.action, event.resource_id, event.patient) == (Action.READ, first.id, first.id)
    assert "identifying" in event.classes
    assert patients(world) == 1
    assert "Q-77" not in repr(world.events)


def test_several_matches_are_refused(world: World) -> None:
    for _ in range(2):
        world.make("Patient", KNOWN)
    with pytest.raises(PreconditionFailed) as caught:
        make(world)
    assert "Q-77" not in str(caught.value)
    assert patients(world) == 2


@pytest.mark.parametrize(
    "query", ["identifier=urn:mrn%7CQ-78", "identifier=urn:other%7CQ-77", f"{MRN}&family=Somebody"]
)
def test_what_does_not_fit_all_of_it_is_no_match(world: World, query: str) -> None:
    make(world)
    assert make(world, query=query)[1]


def test_what_was_deleted_is_no_match(world: World) -> None:
    delete(world.records, world.call(), "Patient", make(world)[0].id)
    assert make(world)[1]


def test_a_match_that_the_caller_may_not_see_is_not_told(world: World) -> None:
    hidden = make(world)[0].id
    stranger = world.call(user_id="clinician-2")
    world.forget()
    mine, made = make(world, call=stranger)
    assert made
    assert mine.id != hidden
    assert [(e.action, e.error) for e in world.events] == [(Action.CREATE, "")]
    assert make(world, call=stranger)[0].id == mine.id
    assert hidden not in repr(world.events)


def test_a_match_by_an_element_that_the_caller_may_not_search_by_is_none(world: World, patient: str) -> None:
    """A coordinator sees the observation, but not what it says."""
    world.make("Observation", an_observation(patient))
    one = an_observation(patient)
    assert not make(world, one, f"code=2339-0&patient={patient}")[1]
    coordinator = world.call(Role.CARE_COORDINATOR)
    with pytest.raises(Exception, match="may not create"):  # no match, so that it would be created
        make(world, one, f"code=2339-0&patient={patient}", coordinator)


def test_another_tenants_is_no_match(world: World) -> None:
    make(world)
    assert make(world, call=world.call(tenant="south"))[1]


def test_a_lost_race_is_looked_at_again(world: World) -> None:
    winners = []
    world.store.before_commit = lambda: winners.append(make(world)[0].id)
    found, made = make(world)
    assert (found.id, made) == (winners[0], False)
    assert patients(world) == 1
    assert [(e.action, e.success) for e in world.events][-1] == (Action.READ, True)


def test_a_race_against_somebody_elses_is_told_by_nothing(world: World) -> None:
    stranger = world.call(user_id="clinician-2")
    world.store.before_commit = lambda: make(world, call=stranger)
    assert make(world)[1]
    assert patients(world) == 2


def test_a_repeat_of_the_key_is_answered_as_created(world: World) -> None:
    first, _ = make(world, key="key")
    again, made = make(world, key="key")
    assert (again.id, made) == (first.id, True)
    with pytest.raises(Unprocessable):
        make(world, query="identifier=urn:mrn%7COther", key="key")


@pytest.mark.parametrize(
    "query",
    [
        "",
        "Q-77",
        "identifier=",
        "_id=1",
        "Zyxwvuts=1",
        "name:exact=Zyxwvuts",
        "identifier=" + "x" * 3000,
        "&".join(["identifier=x"] * 11),
        "identifier=%ff%fe",
        "general-practitioner.name=Zyxwvuts",
    ],
)
def test_what_is_no_condition_is_refused_without_its_text(world: World, query: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        make(world, query=query)
    assert "Zyxwvuts" not in caught.value.detail
    assert not world.store.versions
    assert not world.recorded().success


def test_modifiers_are_unsupported(world: World) -> None:
    with pytest.raises(UnsupportedParameter, match="name"):
        make(world, query="name:exact=Zyxwvuts")


@pytest.mark.parametrize("failure", ["before", "after"])
def test_without_a_record_a_match_is_not_answered(world: World, failure: str) -> None:
    make(world)
    world.locked.failures = [failure]
    with pytest.raises(Unavailable):
        make(world)


URN = "urn:uuid:96baad95-bc36-4844-bc19-86cb1d4022a3"


def transacted(
    world: World, *entries: dict[str, Any], call: Call | None = None, kind: str = "transaction"
) -> list[dict[str, Any]]:
    body = json.dumps({"resourceType": "Bundle", "type": kind, "entry": entries}).encode()
    found: list[dict[str, Any]] = json.loads(answer(world.records, call or world.call(), body, base_url=BASE_URL).body)[
        "entry"
    ]
    return found


def post(resource: dict[str, Any], **more: Any) -> dict[str, Any]:
    request = {"method": "POST", "url": resource["resourceType"]} | more.pop("request", {})
    return {"request": request, "resource": resource} | more


def of(reference: str) -> dict[str, Any]:
    return an_observation("x", subject={"reference": reference})


def test_references_in_a_transaction_lead_to_the_existing_match(world: World) -> None:
    there = make(world)[0].id
    answers = transacted(world, post(of(URN)), post(KNOWN, fullUrl=URN, request={"ifNoneExist": MRN}))
    assert [each["response"]["status"][:3] for each in answers] == ["201", "200"]
    made = world.store.versions["north", "Observation", answers[0]["fullUrl"].rpartition("/")[2]]
    assert made[-1].subject == f"Patient/{there}"
    assert patients(world) == 1


def test_two_entries_do_not_make_what_one_condition_must_not_find(world: World) -> None:
    for second in (
        post(KNOWN, request={"ifNoneExist": MRN + "&family=Zyxwvuts"}),
        post(KNOWN, request={"ifNoneExist": MRN}),
    ):
        with pytest.raises((PreconditionFailed, InvalidInput), match="entry\\[1\\]"):
            transacted(world, post(KNOWN, request={"ifNoneExist": MRN}), second)
    assert patients(world) == 0


def test_in_a_batch_the_second_of_two_that_make_the_same_is_refused_alone(world: World) -> None:
    sent = [post(KNOWN, request={"ifNoneExist": query}) for query in (MRN, MRN + "&family=Zyxwvuts")]
    answers = transacted(world, *sent, kind="batch")
    assert [each["response"]["status"][:3] for each in answers] == ["201", "412"]
    assert patients(world) == 1


@pytest.mark.parametrize(("kind", "status"), [("batch", "409"), ("transaction", "200")])
def test_in_a_bundle_too_a_lost_race_makes_no_second_one(world: World, kind: str, status: str) -> None:
    world.store.before_commit = lambda: make(world)
    (done,) = transacted(world, post(KNOWN, request={"ifNoneExist": MRN}), kind=kind)
    assert done["response"]["status"][:3] == status
    assert patients(world) == 1


def test_a_conditional_reference_leads_to_the_one_match_and_is_on_record(world: World) -> None:
    there = make(world)[0].id
    world.forget()
    answers = transacted(world, post(of("Patient?identifier=urn:mrn|Q-77")))
    made = world.store.versions["north", "Observation", answers[0]["fullUrl"].rpartition("/")[2]]
    assert made[-1].subject == f"Patient/{there}"
    assert {(e.action, e.patient) for e in world.events} == {(Action.CREATE, there), (Action.SEARCH, there)}
    assert "Q-77" not in repr(world.events)


@pytest.mark.parametrize(
    ("reference", "error"),
    [
        ("Patient?identifier=urn:mrn|none", PreconditionFailed),
        ("Patient?family=Zyxwvuts", UnsupportedParameter),
        ("Group?identifier=Zyxwvuts", UnsupportedParameter),
        ("Patient?", UnsupportedParameter),
    ],
)
def test_any_other_conditional_reference_is_refused(world: World, reference: str, error: type[Exception]) -> None:
    make(world)
    with pytest.raises(error) as caught:
        transacted(world, post(of(reference)))
    assert str(caught.value).startswith("Bundle.entry[0]")
    assert "Zyxwvuts" not in str(caught.value)


def test_a_conditional_reference_does_not_lead_to_what_is_hidden(world: World) -> None:
    make(world)
    for reference in ("Patient?identifier=urn:mrn|Q-77", "Patient?identifier=urn:mrn|none"):
        with pytest.raises(PreconditionFailed, match="leads to no resource"):
            transacted(world, post(of(reference)), call=world.call(user_id="clinician-2"))


def test_a_plain_create_looks_for_nothing(world: World) -> None:
    create(world.records, world.call(), "Patient", json.dumps(KNOWN).encode())
    assert "find" not in world.store.calls
