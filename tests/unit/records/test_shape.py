"""_summary and _elements: what is opened, what is always there, and that a part is never taken for the whole."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

import pytest

from phivault.access.roles import Role
from phivault.crypto.element import SealContext, Unsealed
from phivault.crypto.envelope import unseal
from phivault.crypto.subject_key import SubjectKey
from phivault.errors import InvalidInput, Unprocessable, UnsupportedParameter
from phivault.phi.data_class import DataClass
from phivault.records.read import read
from phivault.records.shape import ASKED, Shape, require_whole, shape_of, shape_of_one
from phivault.records.types import TYPES, model
from phivault.records.update import update
from tests.support.records_fakes import World, a_patient, an_observation

SENT = a_patient(
    maritalStatus={"text": "Married"}, _gender={"extension": [{"url": "http://x.example", "valueCode": "a"}]}
)


@pytest.fixture
def patient(world: World) -> str:
    made = world.make("Patient", SENT).id
    world.forget()
    return made


def _read(world: World, id: str, role: Role = Role.CLINICIAN, type: str = "Patient", **asked: str) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(read(world.records, world.call(role), type, id, asked).body)
    return body


def _members(body: dict[str, Any]) -> set[str]:
    return body.keys() - {"resourceType", "id", "meta"}


def test_elements_are_those_asked_for_with_their_extensions(world: World, patient: str) -> None:
    body = _read(world, patient, _elements="gender,birthDate")
    assert _members(body) == {"gender", "_gender", "birthDate"}
    assert [tag["code"] for tag in body["meta"]["tag"]] == ["SUBSETTED", ASKED["code"]]
    assert "security" not in body["meta"]


def test_only_what_is_asked_for_is_opened_and_accounted_for(
    world: World, patient: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[list[str]] = []

    def seen(key: SubjectKey, context: SealContext, envelope: bytes, names: Collection[str]) -> Unsealed:
        opened.append(list(names))
        return unseal(key, context, envelope, names)

    monkeypatch.setattr("phivault.records.open.unseal", seen)
    _read(world, patient, _elements="active")
    assert opened == [["active"]]
    assert world.recorded().classes == (DataClass.ADMINISTRATIVE.value,)


def test_a_summary_is_what_the_definition_marks(world: World, patient: str) -> None:
    body = _read(world, patient, _summary="true")
    assert "maritalStatus" not in body
    assert {"active", "name", "telecom", "gender", "birthDate", "address"} <= body.keys()


@pytest.mark.parametrize("type", sorted(TYPES))
def test_the_summary_is_the_models(type: str) -> None:
    elements = [field.alias or name for name, field in model(type).model_fields.items() if not name.endswith("__ext")]
    marked = set(model(type).summary_elements_sequence()) | {"modifierExtension"}
    assert set(Shape("true").names(type, elements)) - marked <= set(Shape("text").names(type, elements))
    assert marked.intersection(elements) <= set(Shape("true").names(type, elements))


def test_text_and_data(world: World) -> None:
    text = {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">Zyxwvuts</div>'}
    patient = world.make("Patient", a_patient()).id
    made = world.make("Observation", an_observation(patient, text=text)).id
    assert _members(_read(world, made, type="Observation", _summary="text")) == {"text", "status", "code"}
    whole = _members(_read(world, made, type="Observation"))
    assert _members(_read(world, made, type="Observation", _summary="data")) == whole - {"text"}
    assert _members(_read(world, made, type="Observation", _summary="false")) == whole


def test_a_choice_is_asked_for_by_its_base_name(world: World) -> None:
    made = world.make("Observation", an_observation(world.make("Patient", a_patient()).id)).id
    body = _read(world, made, type="Observation", _elements="value")
    assert _members(body) == {"valueQuantity", "status", "code"}


def test_what_changes_the_meaning_is_never_left_out() -> None:
    names = ["status", "code", "note", "modifierExtension", "implicitRules", "meta"]
    for shape in (Shape("true"), Shape("text"), Shape(elements=frozenset({"subject"}))):
        assert shape.names("Observation", names) == [name for name in names if name != "note"]


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"_elements": "name,nonsense"}, "item 2 is no element"),
        ({"_elements": ""}, "item 1"),
        ({"_elements": "name,,active"}, "item 2"),
        ({"_elements": "contact.name"}, "item 1"),
        ({"_elements": "_gender"}, "item 1"),
        ({"_elements": ",".join(["name"] * 101)}, "at most 100"),
        ({"_summary": "yes"}, "_summary is"),
        ({"_summary": "true", "_elements": "name"}, "one at a time"),
        ({"_summary": "count"}, "asked of a search"),
    ],
)
def test_refusals_name_places_and_not_what_was_sent(asked: dict[str, str], error: str) -> None:
    with pytest.raises(InvalidInput, match=error) as refused:
        shape_of_one(asked, "Patient")
    assert "nonsense" not in str(refused.value)


def test_the_format_may_be_said_if_it_is_ours(world: World, patient: str) -> None:
    assert shape_of_one({"_format": "application/fhir+json"}, "Patient") == Shape()
    assert shape_of_one({"_format": "json", "_elements": "name"}, "Patient").elements == {"name"}
    with pytest.raises(UnsupportedParameter, match="_format=json"):
        shape_of_one({"_format": "xml"}, "Patient")


def test_other_parameters_are_refused_and_the_refusal_is_recorded(world: World, patient: str) -> None:
    with pytest.raises(UnsupportedParameter):
        _read(world, patient, _pretty="true")
    assert world.recorded().error == "unsupported-parameter"


def test_one_of_several_types_may_have_the_element() -> None:
    assert shape_of({"_elements": "birthDate,status"}, ["Patient", "Observation"]).elements == {"birthDate", "status"}


def test_that_something_is_withheld_is_said_whatever_was_asked_for(world: World, patient: str) -> None:
    """Said of what was asked for alone, it would tell which elements there are that the reader can't see."""
    officer = Role.PRIVACY_OFFICER
    whole = _read(world, patient, officer)
    withheld = next(name for name in ("name", "telecom", "active", "_gender") if name not in whole)
    for asked in (withheld.strip("_"), "active"):
        codes = [coding["code"] for coding in _read(world, patient, officer, _elements=asked)["meta"]["security"]]
        assert codes == ["REDACTED"]
    assert "security" not in _read(world, patient, Role.CLINICIAN, _elements="active")["meta"]


def test_a_researcher_cannot_tell_an_age_by_asking_for_less(world: World) -> None:
    """The value that is left out because of another element's year is left out alone, too."""
    old = world.make("Patient", a_patient(birthDate="1920-01-01")).id
    age = {"value": 85, "unit": "a", "system": "http://unitsofmeasure.org", "code": "a"}
    sent = an_observation(old, valueQuantity=age, effectiveDateTime="2010-02-03T04:05:06Z")
    sent.pop("note")
    made = world.make("Observation", sent).id
    name = world.pseudonym("Observation", made)
    whole = _read(world, name, Role.RESEARCHER, "Observation")
    alone = _read(world, name, Role.RESEARCHER, "Observation", _elements="valueQuantity")
    assert "valueQuantity" not in whole
    assert "valueQuantity" not in alone
    assert alone["id"] == name
    assert "effectiveDateTime" not in alone
    nothing = _read(world, name, Role.RESEARCHER, "Observation", _elements="device")
    assert nothing["id"] == name
    assert made not in json.dumps(nothing)


@pytest.mark.parametrize("asked", [{"_elements": "active"}, {"_summary": "true"}, {"_summary": "data"}])
@pytest.mark.parametrize("role", [Role.CLINICIAN, Role.PATIENT])
def test_a_part_is_never_put_back_as_the_whole(world: World, patient: str, asked: dict[str, str], role: Role) -> None:
    call = world.call(role, patient_id=patient) if role is Role.PATIENT else world.call()
    part = json.loads(read(world.records, call, "Patient", patient, asked).body)
    with pytest.raises(Unprocessable, match="a part of the resource"):
        update(world.records, world.call(), "Patient", patient, json.dumps(part).encode())


def test_neither_is_a_part_of_what_is_withheld_in_part_besides(world: World, patient: str) -> None:
    made = world.make("Observation", an_observation(patient)).id
    coordinator = world.call(Role.CARE_COORDINATOR)
    whole = read(world.records, coordinator, "Observation", made).body
    part = read(world.records, coordinator, "Observation", made, {"_elements": "status,subject"}).body
    assert b"REDACTED" in whole
    assert b"REDACTED" in part
    with pytest.raises(Unprocessable, match="a part of the resource"):
        update(world.records, coordinator, "Observation", made, part)
    assert update(world.records, coordinator, "Observation", made, whole).version == 2


def test_what_is_only_withheld_can_be_put_back() -> None:
    redacted = b'{"security":[{"system":"%s","code":"REDACTED"}],"tag":[{"system":"%s","code":"SUBSETTED"}]}'
    system = b"http://terminology.hl7.org/CodeSystem/v3-ObservationValue"
    require_whole({"meta": redacted % (system, system)})
    require_whole({})
    require_whole({"meta": b'{"tag":"SUBSETTED"}'})
    with pytest.raises(Unprocessable):
        require_whole({"meta": b'{"tag":[{"system":"%s","code":"SUBSETTED"}]}' % system})
