"""Searches by what resources say: exactly what a read would show, filtered; sorted, brought along, gone on with."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from phivault.access.roles import Role
from phivault.audit.event import Action
from phivault.errors import InvalidInput
from phivault.records import cursor, search_sort
from phivault.records import search as verb
from phivault.records.call import Call
from phivault.records.read import read
from phivault.records.search import Found, search
from phivault.records.update import update
from tests.support.facts import Given
from tests.support.records_fakes import BASE_URL, World, a_patient, an_observation

LOINC = "http://loinc.org"


def find(world: World, type: str, call: Call | None = None, *given: tuple[str, str], **parameters: str) -> Found:
    asked = [*given, *parameters.items()]
    return search(world.records, call or world.call(), type, asked, base_url=BASE_URL, posted=True)


def entries(found: Found, mode: str = "match") -> list[dict[str, Any]]:
    return [entry["resource"] for entry in json.loads(found.body).get("entry", []) if entry["search"]["mode"] == mode]


def ids(found: Found) -> list[str]:
    return [each["id"] for each in entries(found)]


def links(found: Found) -> dict[str, str]:
    return {link["relation"]: link["url"] for link in json.loads(found.body)["link"]}


def every(world: World, type: str, call: Call | None = None, **parameters: str) -> list[str]:
    """The ids of all pages; the first is posted, the others are got."""
    page, found = find(world, type, call, **parameters), []
    while True:
        found += ids(page)
        following = links(page).get("next")
        if following is None:
            return found
        given = parse_qsl(urlsplit(following).query, strict_parsing=True)
        page = search(world.records, call or world.call(), type, given, base_url=BASE_URL)


def observed(world: World, patient: str, code: str, at: str = "2026-02-03T04:05:06Z", **changes: Any) -> str:
    coded = {"coding": [{"system": LOINC, "code": code}]}
    return world.make("Observation", an_observation(patient, code=coded, effectiveDateTime=at, **changes)).id


@pytest.mark.parametrize(
    "parameters",
    [
        {"family": "zyx"},
        {"name": "QWERTY"},
        {"birthdate": "1979"},
        {"birthdate": "ge1979-04-06", "family": "Zyxwvuts"},
        {"phone": "202-555-0143"},
        {"gender": "female"},
        {"family": "Nobody,Zyxwvuts"},
    ],
    ids=str,
)
def test_a_patient_is_found_by(world: World, patient: str, parameters: dict[str, str]) -> None:
    other = a_patient(
        name=[{"family": "Other"}],
        birthDate="1999-01-01",
        gender="male",
        telecom=[{"system": "phone", "value": "+12025550199"}],
    )
    world.make("Patient", other)
    assert ids(find(world, "Patient", **parameters)) == [patient]


def test_a_repeated_name_means_and(world: World, patient: str) -> None:
    twice = [("birthdate", "ge1979"), ("birthdate", "lt1980")]
    assert ids(find(world, "Patient", None, *twice)) == [patient]
    assert ids(find(world, "Patient", None, ("birthdate", "ge1979"), ("birthdate", "lt1979"))) == []


def test_a_token_that_finds_too_much_is_compared_exactly(world: World, patient: str) -> None:
    """As a collision of 64 bits would."""
    one, other = observed(world, patient, "a"), observed(world, patient, "b")
    world.store.tokens["north", "Observation", other] = world.store.tokens["north", "Observation", one]
    assert ids(find(world, "Observation", code="a")) == [one]


def test_an_update_is_found_by_what_it_says_now(world: World, patient: str) -> None:
    body = json.loads(read(world.records, world.call(), "Patient", patient).body)
    body["name"] = [{"family": "Later"}]
    update(world.records, world.call(), "Patient", patient, json.dumps(body).encode())
    assert ids(find(world, "Patient", family="zyxwvuts")) == []
    assert ids(find(world, "Patient", family="later")) == [patient]


def test_pages_go_on_by_links_that_say_nothing(world: World, patient: str) -> None:
    made = sorted(observed(world, patient, "glucose") for _ in range(5))
    observed(world, patient, "other")
    assert every(world, "Observation", code="glucose", patient=patient, _count="2") == made
    page = find(world, "Observation", code="glucose", patient=patient, _count="2")
    assert links(page)["self"] == f"{BASE_URL}/Observation/_search"
    assert "glucose" not in json.dumps(links(page))
    assert patient not in json.dumps(links(page))
    assert dict(parse_qsl(urlsplit(links(page)["next"]).query)).keys() == {"_cursor"}


def test_a_link_is_good_for_an_hour(world: World, patient: str) -> None:
    for _ in range(3):
        observed(world, patient, "glu")
    page = find(world, "Observation", code="glu", _count="1")
    given = parse_qsl(urlsplit(links(page)["next"]).query)
    world.time += timedelta(seconds=cursor.LIFETIME_SECONDS - 1)
    assert search(world.records, world.call(), "Observation", given, base_url=BASE_URL).count == 1
    world.time += timedelta(seconds=2)
    with pytest.raises(InvalidInput, match="hour"):
        search(world.records, world.call(), "Observation", given, base_url=BASE_URL)


def test_by_when_it_was_written(world: World, patient: str) -> None:
    made = []
    for _ in range(4):
        world.time += timedelta(days=1)
        made.append(observed(world, patient, "glu"))
    assert every(world, "Observation", _sort="_lastUpdated", _count="3") == made
    assert every(world, "Observation", _sort="-_lastUpdated", _count="3") == made[::-1]
    assert every(world, "Observation", _sort="-_lastUpdated", code="glu", _count="3") == made[::-1]
    assert every(world, "Observation", _sort="-_id", _count="3") == sorted(made, reverse=True)
    assert every(world, "Observation", _lastUpdated="ge2026-03-06", _count="1") == made[1:]
    assert sorted(every(world, "Observation", _lastUpdated="2026-03-06", code="glu")) == made[1:2]


def test_by_date_of_one_patient(world: World, patient: str, monkeypatch: pytest.MonkeyPatch) -> None:
    late = observed(world, patient, "glu", "2026-02-03")
    early = observed(world, patient, "glu", "2019")
    world.make("Observation", {**an_observation(patient), "effectiveDateTime": "2026-02-03T23:00:00+01:00"})
    assert every(world, "Observation", _sort="date", code="glu", patient=patient, _count="1") == [early, late]
    assert every(world, "Observation", _sort="-date", code="glu", patient=patient, _count="1") == [late, early]
    assert len(every(world, "Observation", _sort="-date", patient=patient, _count="1")) == 3
    with pytest.raises(InvalidInput, match="needs patient"):
        find(world, "Observation", _sort="date", code="glu")
    monkeypatch.setattr(search_sort, "MAX_SORTED", 2)
    with pytest.raises(InvalidInput, match="shorter"):
        find(world, "Observation", _sort="date", patient=patient)


def test_patients_and_practitioners_are_brought_along_once(world: World, patient: str) -> None:
    doctor = world.make("Practitioner", {"resourceType": "Practitioner", "name": [{"family": "Doe"}]}).id
    by = [{"reference": f"Practitioner/{doctor}"}]
    made = {observed(world, patient, "glu", performer=by) for _ in range(3)}
    world.forget()
    page = find(
        world,
        "Observation",
        None,
        ("_include", "Observation:subject"),
        ("_include", "Observation:performer"),
        code="glu",
    )
    assert set(ids(page)) == made
    assert page.count == 3
    assert sorted(each["id"] for each in entries(page, "include")) == sorted([doctor, patient])
    released = {(event.resource, event.patient) for event in world.events if event.classes}
    assert released == {("Observation", patient), ("Patient", patient), ("Practitioner", "")}
    assert len(world.locked.objects) == 1


def test_what_comes_along_is_decided_like_a_read(world: World, patient: str) -> None:
    doctor = world.make("Practitioner", {"resourceType": "Practitioner", "name": [{"family": "Doe"}]}).id
    observed(world, patient, "glu", performer=[{"reference": f"Practitioner/{doctor}"}])
    mine = world.call(Role.PATIENT, patient_id=patient)
    page = find(world, "Observation", mine, ("_include", "Observation:performer"), ("_include", "Observation:patient"))
    assert [each["id"] for each in entries(page, "include")] == [patient], "patients don't read the directory"
    coordinator = world.call(Role.CARE_COORDINATOR)
    page = find(world, "Observation", coordinator, ("_include", "Observation:performer"), patient=patient)
    assert entries(page)
    assert entries(page, "include") == [], "who performed it is clinical"


def test_a_page_with_what_comes_along_has_a_size(world: World, patient: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made = sorted(observed(world, patient, "glu") for _ in range(4))
    sizes = [len(world.store.versions["north", *place][-1].envelope or b"") for place in _places(patient, made[0])]
    monkeypatch.setattr(verb, "PAGE_BYTES", sum(sizes) + sizes[1])
    page = find(world, "Observation", None, ("_include", "Observation:subject"))
    assert page.count == 2
    found = ids(page)
    while "next" in links(page):
        given = parse_qsl(urlsplit(links(page)["next"]).query)
        page = search(world.records, world.call(), "Observation", given, base_url=BASE_URL)
        assert [each["id"] for each in entries(page, "include")] == [patient]
        found += ids(page)
    assert found == made


def _places(patient: str, observation: str) -> list[tuple[str, str]]:
    return [("Patient", patient), ("Observation", observation)]


def test_elements_are_opened_in_part(world: World, patient: str) -> None:
    (found,) = entries(find(world, "Patient", family="zyx", _elements="gender"))
    assert "birthDate" not in found
    assert found["gender"] == "female"


def test_a_grant_of_one_class_finds_by_that_class(world: World, patient: str) -> None:
    made = observed(world, patient, "glu")
    world.facts.given["north", patient, "consultant"] = [Given(frozenset({"clinical"}))]
    consultant = world.call(user_id="consultant")
    assert ids(find(world, "Observation", consultant, patient=patient)) == [made]
    assert ids(find(world, "Observation", consultant, code="glu")) == [made]
    assert ids(find(world, "Observation", consultant, status="final", patient=patient)) == []
    assert ids(find(world, "Patient", consultant, family="zyx", _id=patient)) == []


def test_many_cold_subjects_cost_a_call_each(world: World, patient: str) -> None:
    patients = [patient, *(world.make("Patient", a_patient()).id for _ in range(5))]
    world.cold()
    assert len(ids(find(world, "Patient", family="zyx"))) == 6
    assert world.steps.count("unwrap") == len(patients) + 1, "and the key of the index"


def test_whose_keys_were_used_is_recorded_though_nothing_was_found(world: World, patient: str) -> None:
    observed(world, patient, "glu", "2026-02-03T04:05:06Z")
    world.forget()
    assert ids(find(world, "Observation", date="gt2026-02-03T20:00:00Z", code="glu")) == []
    intent, opened = world.events
    assert (intent.patient, opened.patient, opened.classes) == ("", patient, ())
    assert opened.action is Action.SEARCH


CODES = ("glu", "hba", "na")
DATES = ("2019", "2026-02", "2026-02-03", "2026-02-03T04:05:06Z", "2026-02-28T23:59:59Z")
FAMILIES = ("Smith", "Smithson", "Müller", "Doe")


@st.composite
def _observations(draw: st.DrawFn) -> list[tuple[int, str, str, str]]:
    one = st.tuples(
        st.integers(0, 2), st.sampled_from(CODES), st.sampled_from(DATES), st.sampled_from(["final", "amended"])
    )
    return draw(st.lists(one, min_size=1, max_size=8))


CRITERIA = st.lists(
    st.one_of(
        st.tuples(st.just("code"), st.lists(st.sampled_from(CODES), min_size=1, max_size=2).map(",".join)),
        st.tuples(st.just("status"), st.sampled_from(["final", "amended", "final,amended"])),
        st.tuples(
            st.just("date"),
            st.tuples(
                st.sampled_from(["", "ge", "lt", "gt", "le"]), st.sampled_from(["2019", "2026", "2026-02-03"])
            ).map("".join),
        ),
    ),
    min_size=1,
    max_size=3,
)


def _fits(resource: dict[str, Any], name: str, text: str) -> bool:
    """FHIR's words on plain JSON, for these dates alone."""
    if name == "status":
        return resource["status"] in text.split(",")
    if name == "code":
        return resource["code"]["coding"][0]["code"] in text.split(",")
    prefix, asked = (text[:2], text[2:]) if text[0] in "gl" else ("eq", text)
    lower, upper = _range(asked)
    first, last = _range(resource["effectiveDateTime"])
    contained = lower <= first and last <= upper
    return {
        "eq": contained,
        "ge": contained or last > upper,
        "le": contained or first < lower,
        "gt": last > upper,
        "lt": first < lower,
    }[prefix]


def _range(text: str) -> tuple[str, str]:
    """The first and last moments of a date as texts that compare."""
    day = text[:10]
    if "T" in text:
        return text[:19], text[:19] + ".9"
    return (
        {4: f"{day}-01-01T00:00:00", 7: f"{day}-01T00:00:00", 10: f"{day}T00:00:00"}[len(day)],
        {4: f"{day}-12-31T23:59:59.9", 7: f"{day}-28T23:59:59.9", 10: f"{day}T23:59:59.9"}[len(day)],
    )


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_observations(), CRITERIA, st.sampled_from(["clinician-1", "clinician-2", "granted"]), st.integers(1, 4))
def test_a_search_finds_what_a_filter_over_reads_would(
    made: list[tuple[int, str, str, str]], criteria: list[tuple[str, str]], user: str, count: int
) -> None:
    world = World()
    patients = [world.make("Patient", a_patient(), world.call(user_id=f"clinician-{1 + n % 2}")).id for n in range(3)]
    world.facts.given["north", patients[1], "granted"] = [Given(frozenset({"clinical"}))]
    everything = []
    for number, code, at, status in made:
        call = world.call(user_id=f"clinician-{1 + number % 2}")
        coded = {"coding": [{"system": LOINC, "code": code}]}
        resource = an_observation(patients[number], code=coded, effectiveDateTime=at, status=status)
        everything.append((number, world.make("Observation", resource, call).id, resource))
    caller = world.call(user_id=user)
    reached = {"clinician-1": {0, 2}, "clinician-2": {1}, "granted": {1}}[user]
    usable = {"code", "date", "status"} if user != "granted" else {"code", "date"}
    wanted = {
        id
        for number, id, resource in everything
        if number in reached and all(name in usable and _fits(resource, name, text) for name, text in criteria)
    }
    page = find(world, "Observation", caller, *criteria, ("_count", str(count)))
    found = ids(page)
    while "next" in links(page):
        given = parse_qsl(urlsplit(links(page)["next"]).query)
        page = search(world.records, caller, "Observation", given, base_url=BASE_URL)
        found += ids(page)
    assert len(found) == len(set(found))
    assert set(found) == wanted
