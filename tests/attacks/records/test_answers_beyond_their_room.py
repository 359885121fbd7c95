"""Somebody makes a bundle's answer larger than a function may answer, after what it writes is committed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from phivault.records import entries
from phivault.records.bundles import answer
from tests.support.records_fakes import BASE_URL, World, an_observation

MOST = 6 << 20
"""What a Lambda function may answer."""

BESIDE = 2000


def test_what_stands_beside_fits_too() -> None:
    assert entries.ROOM + 500 * BESIDE < MOST


def _batch(world: World, requests: list[dict[str, Any]]) -> bytes:
    body = json.dumps({"resourceType": "Bundle", "type": "batch", "entry": requests}).encode()
    return answer(world.records, world.call(), body, base_url=BASE_URL).body


def test_refusals_take_room_too(world: World, patient: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries, "ROOM", 256 << 10)
    names = [{"use": "x", "given": [7], "period": {"start": 1, "end": 2}}] * 10
    wrong = {"resourceType": "Patient", "name": names}
    post = {"request": {"method": "POST", "url": "Patient"}, "resource": wrong}
    read = {"request": {"method": "GET", "url": f"Patient/{patient}"}}
    body = _batch(world, [*[post] * 400, *[read] * 99])
    # Beside what has taken its room stand statuses, places, times and short refusals.
    assert len(json.dumps(body.decode())) < (256 << 10) + 500 * BESIDE
    statuses = [entry["response"]["status"][:3] for entry in json.loads(body)["entry"]]
    assert statuses[:400] == ["400"] * 400


def test_what_was_opened_for_an_answer_without_room_is_on_record(
    world: World, patient: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = world.make("Observation", an_observation(patient)).id
    monkeypatch.setattr(entries, "ROOM", 100)
    world.forget()
    bundle = json.loads(_batch(world, [{"request": {"method": "GET", "url": f"Observation/{made}"}}]))
    assert bundle["entry"][0]["response"]["status"].startswith("413")
    read = [event for event in world.events if event.resource_id == made]
    assert [(event.patient, event.error) for event in read] == [(patient, "too-large")]
