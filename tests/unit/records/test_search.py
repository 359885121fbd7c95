"""Searching: what the caller may not see isn't there, and what is returned was recorded first."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from phivault.access.decide import Decider
from phivault.access.facts import PatientFacts
from phivault.access.roles import Role
from phivault.audit.event import Action, RiskLevel
from phivault.errors import IntegrityError, InvalidInput, NotFound, Unavailable, UnsupportedParameter
from phivault.records import look as module
from phivault.records import search_ways
from phivault.records.call import Call
from phivault.records.read import read
from phivault.records.search import Found, search
from tests.support.records_fakes import BASE_URL, PLANTED, World, a_patient, an_observation, flipped


def find(world: World, type: str, call: Call | None = None, **parameters: str) -> Found:
    return search(world.records, call or world.call(), type, list(parameters.items()), base_url=BASE_URL)


def resources(found: Found) -> list[dict[str, Any]]:
    return [entry["resource"] for entry in json.loads(found.body).get("entry", [])]


def follow(world: World, found: Found, call: Call | None = None) -> Found | None:
    links = {link["relation"]: link["url"] for link in json.loads(found.body)["link"]}
    if "next" not in links:
        return None
    url = urlsplit(links["next"])
    type = url.path.rpartition("/")[2]
    return search(world.records, call or world.call(), type, parse_qsl(url.query), base_url=BASE_URL)


def test_only_patients_whom_the_caller_may_see_are_found(world: World, patient: str) -> None:
    world.make("Patient", a_patient(), world.call(user_id="clinician-2"))
    world.forget()
    assert [found["id"] for found in resources(find(world, "Patient"))] == [patient]


def test_nothing_tells_that_there_is_more(world: World, patient: str) -> None:
    alone = find(world, "Patient").body
    world.make("Patient", a_patient(), world.call(user_id="clinician-2"))
    assert find(world, "Patient").body == alone
    assert "total" not in json.loads(alone)


def test_the_intent_and_each_patients_release_are_one_record_before_anything_opens(world: World, patient: str) -> None:
    other = world.make("Patient", a_patient()).id
    for owner in (patient, patient, other):
        world.make("Observation", an_observation(owner))
    world.forget()
    world.cold()

    find(world, "Observation")

    assert len(world.locked.objects) == 1
    intent, *releases = world.events
    assert (intent.action, intent.resource, intent.patient, intent.classes) == (Action.SEARCH, "Observation", "", ())
    by_patient = {event.patient: event for event in releases}
    assert len(releases) == 2
    assert (by_patient[patient].resource_id, by_patient[patient].classes) == (
        "",
        ("administrative", "clinical", "identifying", "sensitive"),
    )
    assert by_patient[patient].risk is RiskLevel.MEDIUM
    assert by_patient[other].resource_id != ""
    assert world.steps == ["record", "unwrap", "unwrap"]


@pytest.mark.parametrize("failure", ["before", "after"])
def test_without_a_record_nothing_is_released_or_opened(world: World, patient: str, failure: str) -> None:
    world.cold()
    world.locked.failures = [failure]
    with pytest.raises(Unavailable):
        find(world, "Patient")
    assert "unwrap" not in world.steps


def test_a_search_finds_by_id(world: World, patient: str) -> None:
    other = world.make("Patient", a_patient()).id
    assert {found["id"] for found in resources(find(world, "Patient", _id=f"{patient},{other},nobody"))} == {
        patient,
        other,
    }
    assert [found["id"] for found in resources(find(world, "Patient", _id=other))] == [other]


@pytest.mark.parametrize("form", ["{}", "Patient/{}"])
def test_a_search_finds_what_is_about_a_patient(world: World, patient: str, form: str) -> None:
    other = world.make("Patient", a_patient()).id
    mine = world.make("Observation", an_observation(patient)).id
    world.make("Observation", an_observation(other))
    assert [found["id"] for found in resources(find(world, "Observation", patient=form.format(patient)))] == [mine]


def test_related_persons_are_found_through_their_patient(world: World, patient: str) -> None:
    other = world.make("Patient", a_patient()).id
    ids = [
        world.make("RelatedPerson", {"resourceType": "RelatedPerson", "patient": {"reference": f"Patient/{who}"}}).id
        for who in (patient, other)
    ]
    assert [found["id"] for found in resources(find(world, "RelatedPerson", patient=patient))] == ids[:1]
    world.destroy_key(f"RelatedPerson/{ids[0]}")
    assert [found["id"] for found in resources(find(world, "RelatedPerson"))] == ids[1:]


def test_asking_for_a_patient_out_of_reach_finds_nothing_and_is_a_recorded_denial(world: World, patient: str) -> None:
    world.make("Observation", an_observation(patient))
    stranger = world.call(user_id="clinician-2")
    world.forget()
    found = find(world, "Observation", stranger, patient=patient)
    assert resources(found) == []
    intent, denial = world.events
    assert (intent.success, denial.success, denial.error) == (True, False, "denied")
    assert (denial.patient, denial.risk) == (patient, RiskLevel.HIGH)


def test_a_patient_finds_their_own_record(world: World, patient: str) -> None:
    world.make("Patient", a_patient())
    world.make("Observation", an_observation(patient))
    myself = world.call(Role.PATIENT, patient_id=patient)
    world.facts.asked.clear()
    assert [found["id"] for found in resources(find(world, "Patient", myself))] == [patient]
    assert len(resources(find(world, "Observation", myself))) == 1
    assert world.facts.asked == [{patient}, {patient}]


def test_a_researcher_finds_generalised_forms_of_everyone(world: World, patient: str) -> None:
    world.make("Observation", an_observation(patient))
    found = find(world, "Patient", world.call(Role.RESEARCHER))
    assert resources(found)[0]["birthDate"] == "1979"
    assert not any(value.encode() in found.body for value in PLANTED if value != "6.25")
    assert len(resources(find(world, "Observation", world.call(Role.RESEARCHER)))) == 1


def test_a_coordinator_finds_thinned_resources(world: World, patient: str) -> None:
    world.make("Observation", an_observation(patient))
    (found,) = resources(find(world, "Observation", world.call(Role.CARE_COORDINATOR)))
    assert "valueQuantity" not in found
    assert found["meta"]["tag"][0]["code"] == "SUBSETTED"


def test_who_may_read_but_not_search_finds_nothing(world: World, patient: str) -> None:
    class NoSearch(Decider):
        def granted_all(self, principal: Any, purpose: Any, asked: Any, **more: Any) -> Any:
            granted = super().granted_all(principal, purpose, asked, **more)
            return [frozenset() if one.action == "search" else each for one, each in zip(asked, granted, strict=True)]

    world.records = replace(world.records, decider=NoSearch())
    read(world.records, world.call(), "Patient", patient)
    assert find(world, "Patient").count == 0
    assert find(world, "Patient", patient=patient).count == 0


def test_pages_hold_every_resource_once(world: World, patient: str) -> None:
    made = {world.make("Observation", an_observation(patient)).id for _ in range(7)}
    page: Found | None = find(world, "Observation", _count="3")
    seen, counts = [], []
    while page is not None:
        seen += [found["id"] for found in resources(page)]
        counts.append(page.count)
        page = follow(world, page)
    assert (sorted(seen), counts) == (sorted(made), [3, 3, 1])


def test_a_page_is_filled_from_beyond_what_is_not_visible(world: World, patient: str) -> None:
    strangers = world.call(user_id="clinician-2")
    for number in range(6):
        world.records = replace(world.records, new_id=lambda number=number: f"00000000-0000-4000-8000-{number:012d}")
        world.make("Patient", a_patient(), strangers)
    assert [found["id"] for found in resources(find(world, "Patient", _count="1"))] == [patient]


def test_a_walk_looks_at_a_bounded_number_of_rows_and_says_where_to_go_on(
    world: World, patient: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A coordinator may look through all patients; nine of them are restricted."""
    monkeypatch.setattr(module, "PAGE", 2)
    monkeypatch.setattr(module, "MAX_PAGES", 2)
    coordinator = world.call(Role.CARE_COORDINATOR)
    for _ in range(9):
        other = world.make("Patient", a_patient()).id
        place = "north", other, coordinator.principal.user_id
        world.facts.standing[place] = PatientFacts(other, "north", restricted=True)
    world.forget()
    page: Found | None = find(world, "Patient", coordinator, _count="1")
    seen = []
    while page is not None:
        seen += [found["id"] for found in resources(page)]
        page = follow(world, page, coordinator)
    assert seen == [patient]
    assert world.store.calls.count("search") >= 3


def test_who_is_shown_no_strangers_looks_at_their_own_patients_only(world: World, patient: str) -> None:
    for _ in range(3):
        world.make("Patient", a_patient(), world.call(user_id="clinician-2"))
    world.forget()
    world.facts.asked.clear()
    assert [found["id"] for found in resources(find(world, "Patient"))] == [patient]
    assert world.store.calls == ["of_subjects", "search_among"]
    assert world.facts.asked == [{patient}]


def test_pages_of_many_patients_join_without_gap_or_overlap(
    world: World, patient: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_ways, "PATIENTS", 2)
    monkeypatch.setattr(module, "MAX_PAGES", 2)
    patients = sorted([patient, *(world.make("Patient", a_patient()).id for _ in range(6))])
    made = {(who, world.make("Observation", an_observation(who)).id) for who in patients for _ in range(3)}
    former = patients[3]
    del world.facts.members["north", former, "clinician-1"]
    world.facts.standing["north", former, "clinician-1"] = PatientFacts(former, "north")
    page: Found | None = find(world, "Observation", _count="4")
    seen = []
    while page is not None:
        assert page.count <= 4
        seen += [(found["subject"]["reference"].removeprefix("Patient/"), found["id"]) for found in resources(page)]
        page = follow(world, page)
    assert seen == sorted((who, id) for who, id in made if who != former)


def test_a_page_is_decided_in_one_call_of_cedar(world: World, patient: str) -> None:
    class Counted(Decider):
        calls = 0

        def _ask(self, *arguments: Any) -> Any:
            self.calls += 1
            return super()._ask(*arguments)

    for _ in range(5):
        world.make("Observation", an_observation(world.make("Patient", a_patient()).id))
    coordinator = world.call(Role.CARE_COORDINATOR)
    decider = Counted()
    world.records = replace(world.records, decider=decider)
    assert len(resources(find(world, "Observation", coordinator))) == 5
    assert decider.calls <= 2, "whether strangers are shown, and the page"


def test_a_cursor_of_another_way_of_looking_is_refused(world: World, patient: str) -> None:
    """Between two pages the caller came to see, or to see no longer, patients to whom they stand in no relation."""
    for _ in range(3):
        world.make("Observation", an_observation(patient))

    class Changed(Decider):
        strangers = False

        def granted_all(self, principal: Any, purpose: Any, asked: Any, **more: Any) -> Any:
            if [one.patient.id for one in asked] == ["", ""]:
                return [frozenset(one.classes) if self.strangers else frozenset() for one in asked]
            return super().granted_all(principal, purpose, asked, **more)

    decider = Changed()
    world.records = replace(world.records, decider=decider)
    for strangers in (False, True):
        decider.strangers = strangers
        page = find(world, "Observation", _count="1")
        decider.strangers = not strangers
        with pytest.raises(InvalidInput):
            follow(world, page)


def test_a_next_page_may_be_smaller_and_is_never_larger(world: World, patient: str) -> None:
    made = {world.make("Observation", an_observation(patient)).id for _ in range(6)}
    page, pages = find(world, "Observation", patient=patient, _count="2"), []
    for count in ("1", "1000", "1"):
        pages.append(page)
        cursor = dict(parse_qsl(urlsplit(json.loads(page.body)["link"][1]["url"]).query))["_cursor"]
        page = find(world, "Observation", _cursor=cursor, _count=count)
    pages.append(page)
    assert [each.count for each in pages] == [2, 1, 2, 1]
    assert {found["id"] for each in pages for found in resources(each)} == made


def test_a_cursor_serves_only_who_got_it_and_says_nothing(world: World, patient: str) -> None:
    for _ in range(3):
        world.make("Observation", an_observation(patient))
    page = find(world, "Observation", _count="1")
    cursor = dict(parse_qsl(urlsplit(json.loads(page.body)["link"][1]["url"]).query))["_cursor"]
    assert resources(page)[0]["id"] not in cursor
    find(world, "Observation", _cursor=cursor)
    for call in (world.call(user_id="clinician-2"), world.call(tenant="south")):
        with pytest.raises(InvalidInput):
            find(world, "Observation", call, _cursor=cursor)
    with pytest.raises(InvalidInput):
        find(world, "Patient", _cursor=cursor)
    for broken in ("", "x", "%%%", "A" * 2000, cursor[:-4] + "AAAA"):
        with pytest.raises(InvalidInput):
            find(world, "Observation", _cursor=broken)


def test_deletions_are_not_found(world: World, patient: str) -> None:
    made = world.make("Observation", an_observation(patient)).id
    world.store.replace("north", "Observation", made, envelope=None)
    assert resources(find(world, "Observation")) == []


def test_what_is_erased_meanwhile_is_passed_over(world: World, patient: str) -> None:
    other = world.make("Patient", a_patient()).id
    world.destroy_key(f"Patient/{other}")
    assert [found["id"] for found in resources(find(world, "Patient"))] == [patient]


def test_one_resource_that_does_not_open_stops_the_answer(world: World, patient: str) -> None:
    world.make("Patient", a_patient())
    envelope = world.store.read("north", "Patient", patient).envelope
    world.store.replace("north", "Patient", patient, envelope=flipped(envelope))
    with pytest.raises(IntegrityError):
        find(world, "Patient")
    assert world.events[-1].risk is RiskLevel.CRITICAL


def test_facts_about_a_page_are_loaded_in_one_call(world: World, patient: str) -> None:
    for _ in range(4):
        world.make("Patient", a_patient())
    loads = world.facts.loads
    find(world, "Patient")
    assert world.facts.loads == loads + 1


def test_a_refused_parameter_is_recorded_and_looks_nothing_up(world: World, patient: str) -> None:
    with pytest.raises(UnsupportedParameter):
        find(world, "Patient", name="Zyxwvuts")
    assert (world.recorded().action, world.recorded().error) == (Action.SEARCH, "unsupported-parameter")
    assert world.store.calls == []


def test_the_directory_is_searched_by_care_staff(world: World) -> None:
    world.make("Organization", {"resourceType": "Organization", "name": "Example Clinic"})
    assert [found["name"] for found in resources(find(world, "Organization"))] == ["Example Clinic"]
    assert resources(find(world, "Organization", world.call(Role.RESEARCHER))) == []


def test_a_type_that_is_not_served_is_not_found(world: World) -> None:
    with pytest.raises(NotFound):
        find(world, "Basic")
