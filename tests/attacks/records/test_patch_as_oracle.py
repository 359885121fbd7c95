"""A caller who is told that something of a resource is withheld tries by updates and patches to learn what: elements of
which it could be another form, references to what may be contained, values that extensions may complete.

Of two resources that look alike to them one has what they look for. Each attempt is answered alike for both, and what
is hidden stands afterwards, byte for byte.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from phivault.access.roles import Role
from phivault.audit.event import Action
from phivault.errors import PhivaultError
from phivault.records.call import Call
from phivault.records.delete import delete
from phivault.records.events import Target, Trail
from phivault.records.open import open_elements
from phivault.records.patch import patch
from phivault.records.read import read
from phivault.records.transaction import transaction
from phivault.records.update import update
from tests.support.records_fakes import BASE_URL, World, an_observation

EXTENSIONS = [{"url": "https://example.org/remark", "valueString": "Haemolysed-sample-remark"}]
WITHHELD = {"extension": EXTENSIONS}
"""In both: that something is withheld is no secret."""
UNKNOWN = {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]}
LAB = {"resourceType": "Organization", "id": "lab", "name": "Laboratory"}


def a_condition(patient: str, **changes: Any) -> dict[str, Any]:
    about = {"subject": {"reference": f"Patient/{patient}"}, "code": {"text": "Fracture of the wrist"}}
    return {"resourceType": "Condition"} | about | changes


def a_request(patient: str, **changes: Any) -> dict[str, Any]:
    about = {"subject": {"reference": f"Patient/{patient}"}, "status": "active", "intent": "order"}
    named = {"instantiatesUri": ["https://example.org/a", "https://example.org/b"]}
    return {"resourceType": "ServiceRequest"} | about | named | changes


def bare(patient: str, **changes: Any) -> dict[str, Any]:
    observation = an_observation(patient, **changes)
    del observation["note"], observation["valueQuantity"]
    return observation


type Make = Callable[..., dict[str, Any]]

ATTEMPTS: dict[str, tuple[Make, dict[str, Any], list[dict[str, Any]]]] = {
    "an end beside a described one": (
        a_condition,
        {"abatementString": "Zyxwvuts"},
        [{"op": "add", "path": "/abatementDateTime", "value": "2026-01-01"}],
    ),
    "a beginning beside a described one": (
        a_condition,
        {"onsetString": "Zyxwvuts"},
        [{"op": "add", "path": "/onsetAge", "value": {"value": 4, "unit": "a"}}],
    ),
    "a value beside one in words": (
        bare,
        {"valueString": "Zyxwvuts"},
        [{"op": "add", "path": "/valueInteger", "value": 4}],
    ),
    "no status, were a reason there instead": (
        bare,
        {"_status": UNKNOWN},
        [{"op": "remove", "path": "/status"}],
    ),
    "no item, were an extension there instead": (
        a_request,
        {"_instantiatesUri": [None, UNKNOWN]},
        [{"op": "replace", "path": "/instantiatesUri/1", "value": None}],
    ),
    "a reference to what may be contained": (
        bare,
        {"contained": [LAB]},
        [{"op": "add", "path": "/performer", "value": [{"reference": "#lab"}]}],
    ),
    "a reference to what is not": (
        bare,
        {"contained": [LAB]},
        [{"op": "add", "path": "/performer", "value": [{"reference": "#none"}]}],
    ),
    "a value beside a value": (
        bare,
        {"contained": [LAB]},
        [
            {"op": "add", "path": "/valueInteger", "value": 4},
            {"op": "add", "path": "/valueBoolean", "value": True},
        ],
    ),
    "what may be contained": (bare, {"contained": [LAB]}, [{"op": "add", "path": "/contained", "value": [LAB]}]),
}
HOW = ("patch", "update", "transaction")


@pytest.fixture
def other(world: World, patient: str) -> Call:
    """Somebody of the care team who doesn't see what is sensitive; the patient's clinician does."""
    world.facts.plain_members.add(("north", patient, "clinician-2"))
    return world.call(user_id="clinician-2")


def told(world: World, call: Call, kind: str, id: str, asked: list[dict[str, Any]], how: str) -> str:
    """What the caller is told, but for the id."""
    try:
        if how == "patch":
            answer = patch(world.records, call, kind, id, json.dumps(asked).encode()).body
        elif how == "update":
            answer = update(
                world.records, call, kind, id, json.dumps(changed(world, call, kind, id, asked)).encode()
            ).body
        else:
            entry = {
                "request": {"method": "PUT", "url": f"{kind}/{id}"},
                "resource": changed(world, call, kind, id, asked),
            }
            whole = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
            transaction(world.records, call, json.dumps(whole).encode(), base_url=BASE_URL)
            answer = read(world.records, call, kind, id).body
    except PhivaultError as error:
        return f"{error.code}: {error.detail}"
    return answer.decode().replace(id, "it")


def changed(world: World, call: Call, kind: str, id: str, asked: list[dict[str, Any]]) -> dict[str, Any]:
    """The resource that a client would send instead of the operations."""
    members: dict[str, Any] = json.loads(read(world.records, call, kind, id).body)
    for operation in asked:
        _, name, *place = operation["path"].split("/")
        if operation["op"] == "remove":
            del members[name]
        elif place:
            members[name][int(place[0])] = operation["value"]
        else:
            members[name] = operation["value"]
    return members


def stored(world: World, kind: str, id: str, name: str) -> bytes:
    sealed = world.store.read("north", kind, id)
    assert sealed is not None
    return open_elements(Trail(world.records, world.call(), Action.READ, Target(kind, id)), sealed)[name]


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_what_is_hidden_changes_no_answer_and_is_not_lost(
    world: World, other: Call, patient: str, attempt: str, how: str
) -> None:
    make, hidden, asked = ATTEMPTS[attempt]
    resources = [make(patient, **WITHHELD), make(patient, **WITHHELD, **hidden)]
    kind = resources[0]["resourceType"]
    ids = [world.make(kind, resource).id for resource in resources]
    seen = [read(world.records, other, kind, id).body.decode().replace(id, "it") for id in ids]
    assert seen[0] == seen[1]
    before = {name: stored(world, kind, ids[1], name) for name in (*WITHHELD, *hidden)}
    answers = [told(world, other, kind, id, asked, how) for id in ids]
    assert answers[0] == answers[1]
    assert "Zyxwvuts" not in answers[0]
    assert {name: stored(world, kind, ids[1], name) for name in before} == before


@pytest.mark.parametrize("how", HOW)
def test_a_reference_that_hidden_ones_repeat_is_looked_after_as_any(
    world: World, other: Call, patient: str, how: str
) -> None:
    """Else an id is found by trying in whatever is contained, and past the caller's reach."""
    visit = {"status": "finished", "class": {"code": "AMB"}, "subject": {"reference": f"Patient/{patient}"}}
    encounter = world.make("Encounter", {"resourceType": "Encounter"} | visit).id
    asked = [{"op": "add", "path": "/encounter", "value": {"reference": f"Encounter/{encounter}"}}]
    inside = {"resourceType": "Observation", "id": "one", "status": "final", "code": {"text": "x"}}
    contained = [inside | {"encounter": asked[0]["value"]}]
    ids = [world.make("Observation", bare(patient, **more)).id for more in (WITHHELD, {"contained": contained})]
    delete(world.records, world.call(), "Encounter", encounter)
    answers = [told(world, other, "Observation", id, asked, how) for id in ids]
    assert answers[0] == answers[1]
    assert answers[0].startswith("unprocessable")


def test_which_refusal_comes_first_does_not_depend_on_what_is_there(world: World, patient: str) -> None:
    coordinator = world.call(Role.CARE_COORDINATOR)
    sent = [{"note": [{"text": "guess"}], "extension": EXTENSIONS}, {"extension": EXTENSIONS, "note": []}]
    without = an_observation(patient)
    del without["note"]
    for guess in sent:
        answers = set()
        for resource in (an_observation(patient), without, without | WITHHELD):
            id = world.make("Observation", resource).id
            thinned = json.loads(read(world.records, coordinator, "Observation", id).body)
            with pytest.raises(PhivaultError) as caught:
                update(world.records, coordinator, "Observation", id, json.dumps(thinned | guess).encode())
            answers.add(str(caught.value))
        assert len(answers) == 1


def test_who_is_told_that_nothing_is_withheld_adds_any_form(world: World, other: Call, patient: str) -> None:
    """The work of every day: a condition that ends, an observation whose value comes later."""
    for resource, name, value in (
        (a_condition(patient), "abatementDateTime", "2026-01-01"),
        (bare(patient), "valueQuantity", {"value": 7.1, "unit": "mmol/L"}),
    ):
        id = world.make(resource["resourceType"], resource).id
        asked = [{"op": "add", "path": f"/{name}", "value": value}]
        assert name in told(world, other, resource["resourceType"], id, asked, "patch")


def test_another_form_takes_the_place_of_one_that_is_seen(world: World, other: Call, patient: str) -> None:
    id = world.make("Observation", an_observation(patient, **WITHHELD)).id
    asked: list[dict[str, Any]] = [
        {"op": "remove", "path": "/valueQuantity"},
        {"op": "add", "path": "/valueInteger", "value": 4},
    ]
    assert "valueInteger" in told(world, other, "Observation", id, asked, "patch")


def test_a_reference_to_something_contained_stays_for_who_cannot_see_that(
    world: World, other: Call, patient: str
) -> None:
    performed = bare(patient, contained=[LAB], performer=[{"reference": "#lab"}])
    id = world.make("Observation", performed).id
    asked = [{"op": "add", "path": "/valueInteger", "value": 4}]
    # Something is withheld, and a value in words may be it; an interpretation has no other form.
    assert told(world, other, "Observation", id, asked, "patch").startswith("denied")
    asked = [{"op": "add", "path": "/interpretation", "value": [{"text": "high"}]}]
    assert '"#lab"' in told(world, other, "Observation", id, asked, "patch")
    asked = [{"op": "replace", "path": "/performer/0/reference", "value": "#other"}]
    assert "not there" in told(world, other, "Observation", id, asked, "patch")
