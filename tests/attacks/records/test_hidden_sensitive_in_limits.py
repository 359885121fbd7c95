"""Somebody who sees a patient, but nothing sensitive, writes as much as a limit takes: were what is kept from them a
candidate too, the limit would tell that there is one more."""

from __future__ import annotations

import json
from typing import Any

import pytest

from phivault.access.roles import Role
from phivault.errors import PhivaultError
from phivault.records import if_none_exist, search_sort
from phivault.records.bundles import answer
from phivault.records.call import Call
from phivault.records.create import create_conditionally
from phivault.records.search import search
from tests.support.consents import consent, labels
from tests.support.facts import Given
from tests.support.records_fakes import BASE_URL, World, a_patient

ICD = "http://hl7.org/fhir/sid/icd-10-cm"
HIDDEN = "F32.9"
"""An episode of depression."""
MEMBER = "a-plain-member"
WITHOUT_CRITERIA = ({}, {"_sort": "_lastUpdated"}, {"_sort": "-_lastUpdated"}, {"_sort": "_id"}, {"_sort": "date"})
WITHOUT_CRITERIA += ({"_lastUpdated": "ge2026"},)
BY_CODE = {"code": f"{ICD}|{HIDDEN}"}


def a_condition(patient: str, system: str = ICD, code: str = HIDDEN) -> dict[str, Any]:
    return {
        "resourceType": "Condition",
        "subject": {"reference": f"Patient/{patient}"},
        "code": {"coding": [{"system": system, "code": code}]},
        "recordedDate": "2026-01-02",
    }


def a_report(patient: str, code: str = HIDDEN) -> dict[str, Any]:
    return {
        "resourceType": "DiagnosticReport",
        "status": "final",
        "subject": {"reference": f"Patient/{patient}"},
        "code": {"coding": [{"system": ICD, "code": code}]},
        "effectiveDateTime": "2026-01-02",
        "identifier": [{"system": "urn:n", "value": "N-1"}],
    }


@pytest.fixture
def member(world: World, patient: str) -> Call:
    """Of the patient's care team, without the sensitive class."""
    return a_member(world, patient)


def a_member(world: World, *patients: str) -> Call:
    for each in patients:
        world.facts.plain_members.add(("north", each, MEMBER))
    return world.call(user_id=MEMBER)


def told(world: World, call: Call, type: str, asked: dict[str, str]) -> tuple[Any, ...]:
    """What a search tells: its matches and whether it goes on, or how it is refused."""
    try:
        found = search(world.records, call, type, list(asked.items()), base_url=BASE_URL, posted=True)
    except PhivaultError as refused:
        return refused.status, refused.detail
    bundle = json.loads(found.body)
    ids = [entry["resource"]["id"] for entry in bundle.get("entry", [])]
    return ids, [link["relation"] for link in bundle["link"]]


def tried(world: World, call: Call, resource: dict[str, Any], condition: str) -> tuple[Any, ...]:
    """What a conditional create tells, by a body that is looked at after the condition and leaves nothing behind."""
    body = json.dumps(resource | {"recordedDate": "never"}).encode()
    try:
        found, made = create_conditionally(world.records, call, resource["resourceType"], body, condition)
    except PhivaultError as refused:
        return refused.status, refused.detail
    return found.id, made


@pytest.mark.parametrize("number", [999, 1000])
def test_as_many_of_one_s_own_as_a_limit_takes(
    world: World, patient: str, member: Call, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(search_sort, "_MAX_STRETCHES", 10)
    for _ in range(number):
        world.make("Condition", a_condition(patient, "urn:mine"), member)
    questions: list[dict[str, str]] = [BY_CODE | {"patient": patient}, BY_CODE, BY_CODE | {"_sort": "-_lastUpdated"}]
    questions.append(BY_CODE | {"patient": patient, "_sort": "recorded-date"})
    condition = f"patient={patient}&code={ICD}%7C{HIDDEN}"

    def everything() -> list[tuple[Any, ...]]:
        answers = [told(world, member, "Condition", asked) for asked in questions]
        return [*answers, tried(world, member, a_condition(patient, code="I10"), condition)]

    before = everything()
    world.make("Condition", a_condition(patient))
    assert everything() == before
    assert before[0] == ([], ["self", "next"] if number == 1000 else ["self"])
    assert "too many" not in before[-1][1]


@pytest.mark.parametrize("asked", WITHOUT_CRITERIA)
@pytest.mark.parametrize("named", [True, False])
def test_a_list_does_not_end_early_for_what_is_hidden(
    world: World, patient: str, member: Call, asked: dict[str, str], named: bool
) -> None:
    """Ten looks make a page: with pages of one, a dozen that are hidden were enough to give a next link."""
    about = asked | {"_count": "1"} | ({"patient": patient} if named or asked == {"_sort": "date"} else {})
    shown = world.make("DiagnosticReport", a_report(patient, "I10")).id
    for _ in range(30):
        world.make("DiagnosticReport", a_report(patient))
    assert told(world, member, "DiagnosticReport", about) == ([shown], ["self"])


def test_the_same_of_another_class_that_a_consent_withholds(world: World, patient: str) -> None:
    """Here a number in a text makes an administrative element identifying."""
    encounter = {
        "resourceType": "Encounter",
        "status": "finished",
        "class": {"code": "AMB"},
        "subject": {"reference": f"Patient/{patient}"},
    }
    deny = consent(patient, type="deny", securityLabel=labels("identifying"))
    for _ in range(999):
        world.make("Encounter", encounter)
    world.make("Consent", deny, world.call(Role.PATIENT, patient_id=patient))
    asked = {"class": "urn:x|AMB", "patient": patient}
    assert told(world, world.call(), "Encounter", asked) == ([], ["self"])
    raised = encounter | {"class": {"code": "AMB", "display": "of 078-05-1120"}}
    world.make("Encounter", raised)
    assert told(world, world.call(), "Encounter", asked) == ([], ["self"])


def test_whose_it_is_opens_no_class_for_what_else_is_asked(world: World, patient: str) -> None:
    """A condition may name the patient, whose id takes no class: the other criteria are still asked as for the caller,
    from whom the numbers in texts are kept."""
    encounter = {
        "resourceType": "Encounter",
        "status": "finished",
        "class": {"code": "AMB"},
        "subject": {"reference": f"Patient/{patient}"},
    }
    for _ in range(1000):
        world.make("Encounter", encounter)
    deny = consent(patient, type="deny", securityLabel=labels("identifying"))
    world.make("Consent", deny, world.call(Role.PATIENT, patient_id=patient))
    condition = f"patient={patient}&class=urn:x%7CAMB"
    before = tried(world, world.call(), encounter, condition)
    world.make("Encounter", encounter | {"class": {"code": "AMB", "display": "of 078-05-1120"}})
    assert tried(world, world.call(), encounter, condition) == before
    assert "too many" not in before[-1]


def test_who_may_find_it_does(world: World, patient: str) -> None:
    made = world.make("Condition", a_condition(patient)).id
    for asked in (BY_CODE, BY_CODE | {"patient": patient}, {"patient": patient}, {"patient": patient, "_sort": "_id"}):
        assert told(world, world.call(), "Condition", asked) == ([made], ["self"])
    assert tried(world, world.call(), a_condition(patient), f"code={HIDDEN}") == (made, False)


@pytest.mark.parametrize("role", [Role.CLINICIAN, Role.CARE_COORDINATOR])
def test_a_grant_for_one_patient_tells_nothing_of_another(
    world: World, patient: str, monkeypatch: pytest.MonkeyPatch, role: Role
) -> None:
    """They find that of the one, also where they may look through everybody's reports; of the other they may write
    what fills the limit, and it says nothing."""
    monkeypatch.setattr(if_none_exist, "_MAX_CANDIDATES", 3)
    other = world.make("Patient", a_patient()).id
    a_member(world, patient, other)
    granted = Given(frozenset({"administrative", "clinical", "identifying", "sensitive"}))
    world.facts.given["north", patient, MEMBER] = [granted]
    call = world.call(role, user_id=MEMBER)
    mine = [world.make("DiagnosticReport", a_report(patient)).id for _ in range(2)]
    plain = world.make("DiagnosticReport", a_report(other, "I10")).id

    def everything() -> list[tuple[Any, ...]]:
        both = f"{patient},{other}"
        asked: list[dict[str, str]] = [{"identifier": "N-1"}, {"identifier": "N-1", "patient": both}, {"patient": both}]
        asked += [each | {"_sort": "_lastUpdated"} for each in asked] + [each | {"_count": "1"} for each in asked]
        answers = [told(world, call, "DiagnosticReport", each) for each in asked]
        resource = a_report(other) | {"recordedDate": "never"}
        return [*answers, *(tried(world, call, resource, each) for each in (f"patient={both}", "identifier=N-1"))]

    before = everything()
    for _ in range(12):
        world.make("DiagnosticReport", a_report(other))
    assert everything() == before
    for ids, links in before[:3]:
        assert set(ids) == {*mine, plain}
        assert links == ["self"]


def test_a_grant_holds_at_once_and_ends_at_once(world: World, patient: str, member: Call) -> None:
    made = world.make("Condition", a_condition(patient)).id
    granted = Given(frozenset({"administrative", "clinical", "identifying", "sensitive"}))
    place = ("north", patient, MEMBER)
    for given, ids in (([], []), ([granted], [made]), ([], [])):
        world.facts.given[place] = given
        for asked in (BY_CODE, {"patient": patient}):
            assert told(world, member, "Condition", asked) == (ids, ["self"])


def test_who_is_granted_the_sensitive_class_alone_counts_nothing_else(world: World, patient: str) -> None:
    """The other way round: diagnoses that are not theirs to search by are no candidates either."""
    world.facts.given["north", patient, MEMBER] = [Given(frozenset({"sensitive"}))]
    call = world.call(user_id=MEMBER)
    made = world.make("DiagnosticReport", a_report(patient)).id
    for _ in range(30):
        world.make("DiagnosticReport", a_report(patient, "I10"))
    for asked in ({"identifier": "N-1"}, {"patient": patient}, {"patient": patient, "_sort": "_id"}):
        world.forget()
        assert told(world, call, "DiagnosticReport", asked | {"_count": "1"}) == ([made], ["self"])


def test_a_conditional_reference_counts_nothing_hidden(
    world: World, patient: str, member: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(if_none_exist, "_MAX_CANDIDATES", 3)
    query = "DiagnosticReport?identifier=urn:n%7CN-1"
    observation = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "Follow-up"},
        "subject": {"reference": f"Patient/{patient}"},
        "hasMember": [{"reference": query}],
    }
    entry = {"request": {"method": "POST", "url": "Observation"}, "resource": observation}
    bundle = json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": [entry]}).encode()
    refusals = []
    for _ in range(5):
        with pytest.raises(PhivaultError) as refused:
            answer(world.records, member, bundle, base_url=BASE_URL)
        refusals.append((refused.value.status, refused.value.detail))
        world.make("DiagnosticReport", a_report(patient))
    assert len(set(refusals)) == 1


def test_what_came_since_counts_whatever_its_class(world: World, patient: str, member: Call) -> None:
    """Of two who create under one condition at once there is one, though the one doesn't see what the other made."""
    code = a_condition(patient)
    world.store.before_commit = lambda: world.make("Condition", code)
    body = json.dumps(a_condition(patient, "urn:mine")).encode()
    made = create_conditionally(world.records, member, "Condition", body, f"patient={patient}&code=urn:mine%7C{HIDDEN}")
    assert made[1], "after a second look, which doesn't tell of it"
    assert world.store.calls.count("commit") == 3, "the other's stands between two of one's own"
