"""What an import refused is sent again, it alone, and once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from phivault.cli.imports import run as run_module
from phivault.cli.imports.journal_scan import GONE
from phivault.errors import InvalidInput, Unavailable
from tests.support.fake_fhir import FakeFhir, refusal
from tests.support.importing import Import, a, carry, ndjson, refusals, replan, to


def good(resource: dict[str, Any]) -> str:
    return "is bad" if resource.get("status") == "bad" else ""


def mixed(folder: Path) -> None:
    """A good and a bad patient, what is said of each, a line that is no resource, and the good one once more."""
    ndjson(
        folder,
        "a",
        a("Patient", "one"),
        a("Patient", "two", status="bad"),
        a("Observation", "of-two", subject=to("Patient/two")),
        a("Zebra", "z"),
        a("Observation", "of-one", subject=to("Patient/one")),
    )
    ndjson(folder, "b", a("Patient", "one"), a("Observation", subject=to("Patient/two")), a("Observation"))


def names(api: FakeFhir) -> list[str]:
    return sorted(resource.get("id", "") for resource in api.resources.values())


def corrected(folder: Path) -> None:
    """The bad one is longer than it was, so that all behind it moved."""
    text = (folder / "a.ndjson").read_text()
    text = text.replace('"status": "bad"', '"status": "much better", "active": true').replace("Zebra", "Organization")
    (folder / "a.ndjson").write_text(text)


def test_what_was_refused_goes_in_once_it_is_corrected(folder: Path, api: FakeFhir, run: Import) -> None:
    mixed(folder)
    api.bad = good
    assert run()["refused"] == 4
    assert names(api) == ["", "of-one", "one"]
    sent = len(api.sizes)
    corrected(folder)
    counts = run(again=True)
    assert (counts["done"], counts["refused"], counts["same"]) == (7, 0, 1)
    assert names(api) == ["", "", "of-one", "of-two", "one", "two", "z"]
    assert sum(api.sizes[sent:]) == 4
    of_two = [each for each in api.resources.values() if each.get("id") == "of-two"]
    assert api.resources[of_two[0]["subject"]["reference"]]["id"] == "two"
    for again in (True, False):
        assert run(again=again) == counts
        assert sum(api.sizes[sent:]) == 4


def test_what_was_refused_goes_in_once_the_rules_changed(folder: Path, api: FakeFhir, run: Import) -> None:
    mixed(folder)
    api.bad = good
    run()
    api.bad = lambda _: ""
    counts = run(again=True)
    assert (counts["done"], counts["refused"]) == (6, 1)
    assert [(file, line) for file, line, _ in refusals(folder)] == [(0, 4)]
    assert names(api) == ["", "", "of-one", "of-two", "one", "two"]


def test_what_is_still_wrong_is_refused_again(folder: Path, api: FakeFhir, run: Import) -> None:
    mixed(folder)
    api.bad = good
    first = run()
    told = refusals(folder)
    assert run(again=True) == first
    assert refusals(folder) == told
    assert names(api) == ["", "of-one", "one"]


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sets(st.integers(0, 10)), st.sets(st.integers(0, 10)), st.integers(1, 4), st.booleans())
def test_a_second_attempt_is_ended_anywhere_and_doubles_nothing(
    tmp_path_factory: pytest.TempPathFactory, lost: set[int], down: set[int], most: int, always: bool
) -> None:
    """``always`` asks for it again at each run that goes on."""
    folder, api = tmp_path_factory.mktemp("import") / "source", FakeFhir()
    folder.mkdir()
    mixed(folder)
    api.bad = good

    carry(folder, api, most=most)
    corrected(folder)
    began = len(api.sizes)
    api.lost = {began + number for number in lost}
    api.faulty = lambda number, _: refusal(503, "later", retry_after="0") if number - began in down else None
    again = True
    for _ in range(30):
        try:
            counts = carry(folder, api, most=most, again=again)
        except Unavailable:
            again = always
        else:
            break
    assert (counts["done"], counts["refused"]) == (7, 0)
    assert names(api) == ["", "", "of-one", "of-two", "one", "two", "z"]


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: [lines[0].replace('"one"', '"other"'), *lines[1:]],
        lambda lines: lines[1:],
        lambda lines: [*lines, '{"resourceType": "Patient", "id": "new"}'],
        lambda lines: [lines[1], lines[0], *lines[2:]],
        lambda lines: lines[:4],
        lambda lines: [],
        lambda lines: ["{", *lines[1:]],
    ],
)
def test_nothing_but_what_was_refused_may_change(
    folder: Path, api: FakeFhir, run: Import, change: Callable[[list[str]], list[str]]
) -> None:
    mixed(folder)
    api.bad = good
    run()
    told, sent = refusals(folder), len(api.sizes)
    lines = (folder / "a.ndjson").read_text().splitlines()
    (folder / "a.ndjson").write_text("\n".join(change(lines)) + "\n")
    with pytest.raises(InvalidInput, match="may change"):
        run(again=True)
    assert (refusals(folder), len(api.sizes)) == (told, sent)
    (folder / "c.ndjson").write_text("")
    with pytest.raises(InvalidInput, match="another journal"):
        run(again=True)


def test_a_file_that_was_none_goes_in_once_it_is_one(folder: Path, api: FakeFhir, run: Import) -> None:
    entry = {"request": {"method": "POST", "url": "Patient"}, "resource": a("Patient", "p")}
    bundle = json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": [entry]})
    (folder / "a.json").write_text(bundle[:-1])
    ndjson(folder, "b", a("Observation", subject=to("Patient/p")))
    assert run()["refused"] == 2
    (folder / "a.json").write_text(bundle)
    assert run(again=True) == {"done": 2, "refused": 0}
    (folder / "a.json").write_text(bundle[:-1])
    with pytest.raises(InvalidInput, match="changed"):
        run()


def test_what_nobody_knows_to_be_done_is_not_sent_again(folder: Path, api: FakeFhir, run: Import) -> None:
    ndjson(folder, "a", a("Patient", "p"))
    ndjson(folder, "b", a("Observation", "of", subject=to("Patient/p")), a("Observation", status="bad"))
    api.lost, api.bad = {0}, good
    with pytest.raises(Unavailable):
        run(most=10, parallel=1, patience=-1)
    replan(folder, None)
    api.lost = set()
    api.forget()
    run()
    assert names(api) == ["p"]
    api.bad = lambda _: ""
    assert run(again=True)["refused"] == 2
    assert refusals(folder) == [(0, 1, run_module.FORGOTTEN), (1, 1, GONE)]
    assert names(api) == ["", "p"]


def test_what_may_have_been_sent_keeps_its_condition_and_is_not_done_twice(
    folder: Path, api: FakeFhir, run: Import
) -> None:
    """It is part of what was sent under the key: changed, it would be another request."""

    def bundle(name: str, status: str) -> None:
        conditions = ({"ifNoneExist": f"identifier={name}"}, {})
        resources = (a("Organization", "o"), a("Organization", status=status))
        entries = [
            {"request": {"method": "POST", "url": "Organization"} | condition, "resource": resource}
            for condition, resource in zip(conditions, resources, strict=True)
        ]
        document = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        (folder / "a.json").write_text(json.dumps(document))

    bundle("one", "bad")
    api.bad, api.lost = good, {1}
    with pytest.raises(Unavailable):
        run(most=10, parallel=1, patience=-1)
    bundle("other", "good")
    api.lost = set()
    with pytest.raises(InvalidInput, match="may change"):
        run(again=True)
    assert names(api) == ["o"]
