"""A next link seals where it goes on, which may be a record that the caller can't see. What repeats makes a compressed
text shorter: were the place compressed beside what the caller sent, the link's length would confirm a guess."""

from __future__ import annotations

import json
import uuid
from urllib.parse import parse_qs, urlsplit

from phivault.records.everything import everything
from phivault.records.search import search
from tests.support.records_fakes import BASE_URL, World, an_observation

_NOISE = 8
"""Characters by which links differ whose guesses are wrong alike."""


def _length(body: bytes) -> int:
    (url,) = (link["url"] for link in json.loads(body)["link"] if link["relation"] == "next")
    return len(parse_qs(urlsplit(url).query)["_cursor"][0])


def _searched(world: World, guess: str) -> int:
    form = [("code", f"2339-0,{guess}"), ("_count", "1")]
    return _length(search(world.records, world.call(), "Observation", form, base_url=BASE_URL, posted=True).body)


def test_a_right_guess_of_the_place_makes_no_shorter_link(world: World, patient: str) -> None:
    code = {"coding": [{"system": "http://loinc.org", "code": "2339-0"}]}
    ids = sorted(world.make("Observation", an_observation(patient, code=code)).id for _ in range(2))
    wrong = [_searched(world, str(uuid.uuid4())) for _ in range(5)]
    for right in (patient, ids[0]):
        assert min(wrong) - _NOISE <= _searched(world, right) <= max(wrong) + _NOISE


def test_a_link_still_goes_on(world: World, patient: str) -> None:
    made = {world.make("Observation", an_observation(patient)).id for _ in range(3)}
    seen: set[str] = set()
    parameters = {"_count": "2"}
    while True:
        page = json.loads(everything(world.records, world.call(), patient, parameters, base_url=BASE_URL).body)
        seen |= {entry["resource"]["id"] for entry in page["entry"]}
        following = [link["url"] for link in page["link"] if link["relation"] == "next"]
        if not following:
            break
        parameters = {name: values[0] for name, values in parse_qs(urlsplit(following[0]).query).items()}
    assert made < seen
