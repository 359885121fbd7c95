"""Lists hold a bounded number of bytes at a time, find everything all the same, and say nothing of what is large."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from phivault.access.roles import Role
from phivault.records import look, search_ways
from phivault.records.call import Call
from phivault.records.search import Found, search
from tests.support.records_fakes import BASE_URL, World, a_patient, an_observation


class Watched:
    """Notes the bytes that each list of a World's store was given."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self.held: list[int] = []
        for name in ("search", "search_among", "recent_among"):
            monkeypatch.setattr(world.store, name, self._noting(getattr(world.store, name)))

    def _noting(self, call: Any) -> Any:
        def noted(*arguments: Any, **options: Any) -> Any:
            found = call(*arguments, **options)
            self.held.append(sum(len(row.envelope) for row in found))
            return found

        return noted


def find(world: World, type: str, call: Call | None = None, **parameters: str) -> Found:
    return search(world.records, call or world.call(), type, list(parameters.items()), base_url=BASE_URL)


def ids(found: Found) -> list[str]:
    return [entry["resource"]["id"] for entry in json.loads(found.body).get("entry", [])]


def has_next(found: Found) -> bool:
    return any(link["relation"] == "next" for link in json.loads(found.body)["link"])


def large(patient: str, size: int) -> dict[str, Any]:
    return an_observation(patient, note=[{"text": base64.b64encode(b"x" * size).decode()}])


@pytest.mark.parametrize("role", [Role.CLINICIAN, Role.RESEARCHER])
@pytest.mark.parametrize("room", [1, 40_000])
def test_what_is_large_is_read_a_part_at_a_time(
    world: World, patient: str, monkeypatch: pytest.MonkeyPatch, role: Role, room: int
) -> None:
    made = sorted(world.make("Observation", large(patient, 10_000)).id for _ in range(6))
    monkeypatch.setattr(search_ways, "ROOM_BYTES", room)
    watched = Watched(world, monkeypatch)
    call = world.call(role)
    if role is Role.RESEARCHER:
        patient, made = world.pseudonym("Patient", patient), [world.pseudonym("Observation", id) for id in made]
    found = find(world, "Observation", call, patient=patient)
    assert sorted(ids(found)) == sorted(made)
    assert not has_next(found)
    largest = max(len(v[-1].envelope or b"") for v in world.store.versions.values())
    assert max(watched.held) < room + largest
    assert len(watched.held) > 1


def test_ids_of_strangers_large_records_leave_no_trace_in_the_answer(
    world: World, patient: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forty of them, each filling the room alone: more than a walk goes through where no ids are asked for."""
    stranger = world.call(user_id="clinician-2")
    theirs = world.make("Patient", a_patient(), stranger).id
    asked = [world.make("Observation", an_observation(theirs), stranger).id for _ in range(40)]
    own = world.make("Observation", an_observation(patient)).id
    monkeypatch.setattr(search_ways, "ROOM_BYTES", 1)
    found = find(world, "Observation", _id=",".join([*asked, own]))
    nothing = find(world, "Observation", _id=",".join(["none"] * 40 + [own]))
    assert ids(found) == ids(nothing) == [own]
    assert not has_next(found)
    assert not has_next(nothing)


def test_of_ids_every_one_is_found(world: World, patient: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made = sorted(world.make("Observation", an_observation(patient)).id for _ in range(30))
    monkeypatch.setattr(search_ways, "ROOM_BYTES", 1)
    assert ids(find(world, "Observation", _id=",".join(made))) == made
    assert ids(find(world, "Observation", patient=patient, _id=",".join(made))) == made


def test_a_page_ends_where_it_has_no_more_room(world: World, patient: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made = sorted(world.make("Observation", an_observation(patient)).id for _ in range(3))
    monkeypatch.setattr(look, "PAGE_BYTES", 1)
    pages = [find(world, "Observation")]
    while has_next(pages[-1]):
        (following,) = [each["url"] for each in json.loads(pages[-1].body)["link"] if each["relation"] == "next"]
        pages.append(find(world, "Observation", _cursor=following.partition("_cursor=")[2]))
    assert [ids(each) for each in pages] == [[one] for one in made]


def test_relatives_asked_for_by_id_are_all_looked_at(
    world: World, patient: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    relative = {"resourceType": "RelatedPerson", "patient": {"reference": f"Patient/{patient}"}}
    made = sorted(world.make("RelatedPerson", relative).id for _ in range(3))
    monkeypatch.setattr(search_ways, "ROOM_BYTES", 1)
    found = find(world, "RelatedPerson", _id=",".join(made))
    assert ids(found) == made
    assert not has_next(found)
