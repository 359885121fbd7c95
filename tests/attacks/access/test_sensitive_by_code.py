"""Somebody without the sensitive class tries to see, guess, change or unmake what a code or a label makes sensitive."""

from __future__ import annotations

import json
from typing import Any

import pytest

from phivault.access.roles import Role
from phivault.audit.event import Action
from phivault.errors import AccessDenied, PhivaultError, PreconditionFailed
from phivault.phi.data_class import DataClass
from phivault.records.call import Call
from phivault.records.delete import delete
from phivault.records.open import classes_in
from phivault.records.read import read
from phivault.records.search import search
from phivault.records.transaction import transaction
from phivault.records.update import update
from phivault.records.vread import vread
from tests.support.records_fakes import BASE_URL, World, a_patient

ICD10 = "http://hl7.org/fhir/sid/icd-10-cm"
PSY = {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "PSY"}]}
ABSENT = "0199b3c2-0000-7000-8000-000000000009"


def condition(patient: str, code: str, **changes: Any) -> dict[str, Any]:
    return {
        "resourceType": "Condition",
        "code": {"coding": [{"system": ICD10, "code": code}]},
        "subject": {"reference": f"Patient/{patient}"},
        "recordedDate": "2026-02-03",
    } | changes


class Case:
    """A patient; the clinician who treats them; a colleague in the care team without the sensitive class, and a care
    coordinator there."""

    def __init__(self) -> None:
        self.world = World()
        self.patient = self.world.make("Patient", a_patient()).id
        self.keeper = self.world.call()
        self.plain = self.world.call(user_id="colleague")
        self.coordinator = self.world.call(Role.CARE_COORDINATOR)
        for other in (self.plain, self.coordinator):
            self.world.facts.plain_members.add(("north", self.patient, other.principal.user_id))

    def make(self, code: str, **changes: Any) -> str:
        return self.world.make("Condition", condition(self.patient, code, **changes)).id

    def put(self, call: Call, id: str, resource: dict[str, Any], **how: Any) -> int:
        body = json.dumps(resource | {"id": id}).encode()
        return update(self.world.records, call, "Condition", id, body, **how).version

    def found(self, call: Call) -> list[str]:
        query = [] if call.principal.role is Role.RESEARCHER else [("patient", self.patient)]
        bundle = json.loads(search(self.world.records, call, "Condition", query, base_url=BASE_URL).body)
        return [entry["resource"]["id"] for entry in bundle.get("entry", [])]

    def version(self, id: str) -> int:
        newest = self.world.store.read("north", "Condition", id)
        assert newest is not None
        return newest.version

    def classes(self, id: str) -> set[DataClass]:
        newest = self.world.store.read("north", "Condition", id)
        assert newest is not None
        return set(classes_in(newest).values())


@pytest.fixture
def case() -> Case:
    return Case()


@pytest.fixture(params=[{"code": "F32.9"}, {"code": "I10", "meta": PSY}], ids=["by code", "by label"])
def hidden(case: Case, request: pytest.FixtureRequest) -> str:
    return case.make(**request.param)


def test_it_is_sealed_whole_under_the_sensitive_class(case: Case, hidden: str) -> None:
    assert case.classes(hidden) == {DataClass.SENSITIVE}
    made = [event for event in case.world.events if event.resource_id == hidden]
    assert [set(event.classes) for event in made] == [{"sensitive"}]


@pytest.mark.parametrize("who", ["plain", "coordinator"])
def test_it_is_not_there_for_who_lacks_the_class(case: Case, hidden: str, who: str) -> None:
    call, seen = getattr(case, who), case.make("I10")
    assert case.found(call) == [seen]
    for look in (
        lambda: read(case.world.records, call, "Condition", hidden),
        lambda: vread(case.world.records, call, "Condition", hidden, 1),
        lambda: vread(case.world.records, call, "Condition", hidden, 7),
        lambda: delete(case.world.records, call, "Condition", hidden),
    ):
        with pytest.raises(AccessDenied) as caught:
            look()
        assert "sensitive" not in caught.value.detail
    assert case.version(hidden) == 1


def test_nor_is_a_deidentified_form_of_it(case: Case, hidden: str) -> None:
    seen = case.make("I10")
    researcher = case.world.call(Role.RESEARCHER)
    assert case.found(researcher) == [case.world.pseudonym("Condition", seen, researcher)]
    assert DataClass.DEIDENTIFIED in case.classes(seen)


def test_it_is_there_for_who_has_it(case: Case, hidden: str) -> None:
    assert case.found(case.keeper) == [hidden]
    shown = json.loads(read(case.world.records, case.keeper, "Condition", hidden).body)
    assert shown["recordedDate"] == "2026-02-03"
    assert "REDACTED" not in json.dumps(shown)


@pytest.mark.parametrize("who", ["plain", "coordinator"])
def test_no_body_and_no_version_that_they_send_tells_them_anything(case: Case, hidden: str, who: str) -> None:
    call = getattr(case, who)
    bodies = [
        {"resourceType": "Condition"},
        {"resourceType": "Condition", "encounter": {"reference": f"Encounter/{ABSENT}"}},
        condition(case.patient, "F32.9"),
        condition(case.patient, "I10"),
        condition(case.patient, "F32.9", meta=PSY),
    ]
    told = set()
    for body in bodies:
        for if_match in (None, 'W/"1"', 'W/"9"'):
            with pytest.raises(PhivaultError) as caught:
                case.put(call, hidden, body, if_match=if_match)
            told.add((type(caught.value), caught.value.detail))
    assert len(told) == 1
    assert next(iter(told))[0] is AccessDenied
    assert case.version(hidden) == 1


@pytest.mark.parametrize("change", [{"code": {"coding": [{"system": ICD10, "code": "F32.9"}]}}, {"meta": PSY}])
def test_they_make_nothing_sensitive_that_they_see(case: Case, change: dict[str, Any]) -> None:
    seen = case.make("I10")
    with pytest.raises(AccessDenied):
        case.put(case.plain, seen, condition(case.patient, "I10") | change)
    assert case.version(seen) == 1
    assert case.put(case.plain, seen, condition(case.patient, "I10", recordedDate="2026-02-04")) == 2


def test_by_a_transaction_neither(case: Case, hidden: str) -> None:
    seen = case.make("I10")
    for id, code in ((hidden, "I10"), (seen, "F32.9")):
        resource = condition(case.patient, code, id=id)
        entry = {"resource": resource, "request": {"method": "PUT", "url": f"Condition/{id}"}}
        body = json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": [entry]}).encode()
        with pytest.raises(AccessDenied):
            transaction(case.world.records, case.plain, body, base_url=BASE_URL)
        assert case.version(id) == 1


def test_a_change_of_the_code_changes_the_whole(case: Case, hidden: str) -> None:
    plain = condition(case.patient, "I10", meta={"tag": [{"system": "urn:example", "code": "x"}]})
    assert case.put(case.keeper, hidden, plain) == 2
    assert case.found(case.plain) == [hidden]
    assert case.classes(hidden) >= {DataClass.CLINICAL, DataClass.IDENTIFYING, DataClass.ADMINISTRATIVE}
    with pytest.raises(AccessDenied):  # what it was stays what it was
        vread(case.world.records, case.plain, "Condition", hidden, 1)
    assert case.put(case.keeper, hidden, condition(case.patient, "F32.9")) == 3
    assert case.found(case.plain) == []


def test_a_label_does_not_fall_off_because_a_client_leaves_meta_out(case: Case) -> None:
    labelled = case.make("I10", meta=PSY)
    assert case.put(case.keeper, labelled, condition(case.patient, "I10", recordedDate="2026-02-04")) == 2
    assert case.found(case.plain) == []


def test_who_writes_it_without_the_class_does_not_read_it_back_later(case: Case) -> None:
    made = case.world.make("Condition", condition(case.patient, "F32.9"), case.plain).id
    with pytest.raises(AccessDenied):
        read(case.world.records, case.plain, "Condition", made)
    assert case.found(case.keeper) == [made]


def test_a_stale_version_is_told_to_who_sees_it(case: Case, hidden: str) -> None:
    with pytest.raises(PreconditionFailed):
        case.put(case.keeper, hidden, condition(case.patient, "F32.9"), if_match='W/"9"')


def test_every_try_is_on_record_as_a_denial(case: Case, hidden: str) -> None:
    case.world.forget()
    with pytest.raises(AccessDenied):
        case.put(case.plain, hidden, condition(case.patient, "F32.9"))
    event = case.world.recorded(Action.UPDATE)
    assert (event.success, event.error, event.patient) == (False, "denied", case.patient)
