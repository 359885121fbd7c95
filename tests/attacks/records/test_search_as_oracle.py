"""Somebody learns by searching what they may not read: by what is found, opened, counted, ordered or linked."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from phivault.access.roles import Role
from phivault.audit.event import Action
from phivault.errors import InvalidInput, PhivaultError
from phivault.records import search_match
from phivault.records.call import Call
from phivault.records.search import search
from tests.support.records_fakes import BASE_URL, World, a_patient, an_observation

SECRET = {"coding": [{"system": "http://loinc.org", "code": "75622-1"}]}  # an HIV test: sensitive by its code
PLAIN = {"coding": [{"system": "http://loinc.org", "code": "2339-0"}]}


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, tuple[str, ...]]]:
    """What is opened to be compared."""
    seen: list[tuple[str, tuple[str, ...]]] = []
    real = search_match.open_elements

    def spy(trail: Any, sealed: Any, names: Any = None) -> Any:
        seen.append((sealed.id, tuple(names)))
        return real(trail, sealed, names)

    monkeypatch.setattr(search_match, "open_elements", spy)
    return seen


def posted(world: World, type: str, call: Call, **parameters: str) -> dict[str, Any]:
    found = search(world.records, call, type, list(parameters.items()), base_url=BASE_URL, posted=True)
    bundle: dict[str, Any] = json.loads(found.body)
    return bundle


def shape(world: World, bundle: dict[str, Any]) -> tuple[Any, ...]:
    """All that an answer says, but the secret part of cursors."""
    links = [(link["relation"], re.sub("_cursor=.*", "_cursor", link["url"])) for link in bundle["link"]]
    return links, [entry["resource"]["id"] for entry in bundle.get("entry", [])], list(world.wrapper.calls)


def asked(world: World, type: str, call: Call, **parameters: str) -> tuple[Any, ...]:
    world.wrapper.calls.clear()
    return shape(world, posted(world, type, call, **parameters))


def test_a_guess_of_what_is_withheld_looks_like_a_wrong_one(
    world: World, patient: str, opened: list[tuple[str, tuple[str, ...]]]
) -> None:
    """A member of the care team without the sensitive class, who knows that there is an Observation."""
    world.make("Observation", an_observation(patient, code=SECRET))
    plain = world.make("Observation", an_observation(patient, code=PLAIN)).id
    world.facts.plain_members.add(("north", patient, "nurse"))
    nurse = world.call(user_id="nurse")
    for more in ({}, {"patient": patient}, {"_sort": "-_lastUpdated"}, {"_sort": "date", "patient": patient}):
        right = asked(world, "Observation", nurse, code="75622-1", **more)
        wrong = asked(world, "Observation", nurse, code="1234-5", **more)
        assert right == wrong, more
    assert plain not in {id for id, _ in opened}, "nothing was opened for a code that nobody has"
    assert not opened
    assert asked(world, "Observation", nurse, code="2339-0")[1] == [plain]


def test_many_hidden_matches_make_no_next_link(world: World, patient: str) -> None:
    for _ in range(60):
        world.make("Observation", an_observation(patient, code=SECRET))
    world.facts.plain_members.add(("north", patient, "nurse"))
    nurse = world.call(user_id="nurse")
    for count in ("1", "50"):
        right = asked(world, "Observation", nurse, code="75622-1", _count=count)
        assert right == asked(world, "Observation", nurse, code="1234-5", _count=count)
        assert [relation for relation, _ in right[0]] == ["self"]


def test_a_stranger_cannot_ask_whether_somebody_is_a_patient(
    world: World, patient: str, opened: list[tuple[str, tuple[str, ...]]]
) -> None:
    for role in (Role.CLINICIAN, Role.TENANT_ADMIN, Role.AUDITOR, Role.RESEARCHER):
        stranger = world.call(role, user_id="researcher-1" if role is Role.RESEARCHER else "a-stranger")
        asked(world, "Patient", stranger, family="Nobody")  # the project's key is made at its first use
        right = asked(world, "Patient", stranger, family="Zyxwvuts", birthdate="1979-04-06")
        assert right == asked(world, "Patient", stranger, family="Nobody", birthdate="1979-04-06")
    assert not opened


def test_who_organizes_care_cannot_search_everybody_by_diagnosis(
    world: World, patient: str, opened: list[tuple[str, tuple[str, ...]]]
) -> None:
    world.make("Observation", an_observation(patient, code=PLAIN))
    coordinator = world.call(Role.CARE_COORDINATOR)
    assert asked(world, "Patient", coordinator, family="Zyxwvuts")[1] == [patient]
    opened.clear()
    world.forget()
    right = asked(world, "Observation", coordinator, code="2339-0")
    assert "find" not in world.store.calls, "the index isn't even asked"
    assert right == asked(world, "Observation", coordinator, code="1234-5")
    assert not opened


def test_a_researcher_learns_nothing_by_what_originals_say(world: World, patient: str) -> None:
    world.make("Observation", an_observation(patient, code=PLAIN))
    researcher = world.call(Role.RESEARCHER)
    assert len(posted(world, "Observation", researcher)["entry"]) == 1
    for parameters in ({"code": "2339-0"}, {"date": "2026"}, {"_lastUpdated": "2026"}, {"status": "final"}):
        assert "entry" not in posted(world, "Observation", researcher, **parameters)
    for order in ("_lastUpdated", "_id", "date"):
        with pytest.raises(InvalidInput):
            posted(world, "Observation", researcher, _sort=order)


def test_an_order_by_a_date_that_is_withheld_is_no_order(world: World, patient: str) -> None:
    """Who may search the administrative class alone gets what has no date for them: by id, whichever way round."""
    for day in ("2026-02-09", "2026-02-03", "2026-02-06"):
        world.make("Observation", an_observation(patient, effectiveDateTime=day))
    coordinator = world.call(Role.CARE_COORDINATOR)
    orders = [asked(world, "Observation", coordinator, patient=patient, _sort=sort)[1] for sort in ("date", "-date")]
    assert orders[0] == orders[1] == sorted(orders[0])
    assert len(orders[0]) == 3


def _next(bundle: dict[str, Any]) -> list[tuple[str, str]]:
    (url,) = (link["url"] for link in bundle["link"] if link["relation"] == "next")
    return parse_qsl(urlsplit(url).query, strict_parsing=True)


def test_a_link_is_of_one_caller_type_and_tenant_and_cannot_be_altered(world: World, patient: str) -> None:
    for _ in range(3):
        world.make("Observation", an_observation(patient, code=PLAIN))
    given = _next(posted(world, "Observation", world.call(), code="2339-0", _count="1"))
    [(_, cursor)] = given
    assert search(world.records, world.call(), "Observation", given, base_url=BASE_URL).count == 1
    others = [world.call(user_id="clinician-2"), world.call(tenant="south"), world.call(Role.CARE_COORDINATOR)]
    attempts = [("Observation", other, given) for other in others]
    attempts += [("Condition", world.call(), given)]
    attempts += [("Observation", world.call(), [*given, (name, "1")]) for name in ("code", "_cursor")]
    for at in range(0, len(cursor), 7):
        changed = cursor[:at] + ("A" if cursor[at] != "A" else "B") + cursor[at + 1 :]
        attempts.append(("Observation", world.call(), [("_cursor", changed)]))
    forged = ("", "A", cursor[:-1], cursor * 2, "A" * 7000, "ï", "%00")
    attempts += [("Observation", world.call(), [("_cursor", text)]) for text in forged]
    for type, call, parameters in attempts:
        with pytest.raises(InvalidInput):
            search(world.records, call, type, parameters, base_url=BASE_URL)


def test_no_address_and_no_event_holds_what_was_searched_for(world: World, patient: str) -> None:
    for _ in range(2):
        world.make("Patient", a_patient())
    world.forget()
    bundle = posted(
        world, "Patient", world.call(), family="Zyxwvuts", given="Qwerty", birthdate="1979-04-06", _count="1"
    )
    said = json.dumps(bundle["link"]) + "".join(map(repr, world.events))
    assert not [text for text in ("zyxwvuts", "qwerty", "1979") if text in said.lower()]


HOSTILE = ("' OR 1=1 --", "\\", "\\,", "|", "http://x|", "$$", "%", "_", "*", "\x00", "a" * 1024, "\u202e", "(" * 500)


@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_values_find_nothing_and_break_nothing(world: World, patient: str, value: str) -> None:
    for type, name in (("Patient", "family"), ("Patient", "identifier"), ("Patient", "phone"), ("Observation", "code")):
        world.forget()
        said, found = outcome(world, type, **{name: value})
        assert found == []
        assert said is None or (said.status == 400 and (len(value) < 3 or value not in said.detail))
        assert {event.action for event in world.events} == {Action.SEARCH}


def outcome(world: World, type: str, **parameters: str) -> tuple[PhivaultError | None, list[Any]]:
    try:
        return None, posted(world, type, world.call(), **parameters).get("entry", [])
    except PhivaultError as error:
        return error, []
