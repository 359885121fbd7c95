"""Everything of a folder gets in once, in an order in which it can, whatever happens meanwhile."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from phivault.cli.imports import run as run_module
from phivault.cli.imports.journal import Journal
from phivault.cli.imports.journal_scan import GONE, MISSING, TWICE
from phivault.cli.imports.run import scan
from phivault.cli.imports.source import files
from phivault.errors import AccessDenied, InvalidInput, Unavailable
from tests.support.fake_fhir import FakeFhir, refusal
from tests.support.importing import Import, Silent, a, carry, ndjson, refusals, replan, the_ward, to, whole


@pytest.mark.parametrize("most", [1, 7, 500])
def test_what_others_need_goes_first(folder: Path, api: FakeFhir, run: Import, most: int) -> None:
    the_ward(folder, 20)
    assert run(most)["done"] == 62
    whole(api, 20)
    assert max(api.sizes) <= most


def test_again_nothing_is_made(folder: Path, api: FakeFhir, run: Import) -> None:
    the_ward(folder, 3)
    run()
    sent = len(api.sizes)
    run()
    assert len(api.sizes) == sent
    whole(api, 3)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sets(st.integers(0, 12)), st.sets(st.integers(0, 12)), st.integers(1, 9))
def test_lost_answers_and_outages_double_nothing(
    tmp_path_factory: pytest.TempPathFactory, lost: set[int], down: set[int], most: int
) -> None:
    folder, api = tmp_path_factory.mktemp("import") / "source", FakeFhir()
    folder.mkdir()
    the_ward(folder, 6)
    api.lost = lost
    api.faulty = lambda number, _: refusal(503, "later", retry_after="0") if number in down else None
    for _ in range(30):  # each run gives up at its first outage, and the next one goes on
        with contextlib.suppress(Unavailable):
            carry(folder, api, most=most)
            break
    assert refusals(folder) == []
    whole(api, 6)


def test_resources_that_refer_to_each_other_go_together(folder: Path, api: FakeFhir, run: Import) -> None:
    ring = [a("Encounter", f"e{n}", partOf=to(f"Encounter/e{(n + 1) % 4}")) for n in range(4)]
    own = a("Observation", "self", derivedFrom=[to("Observation/self")])
    ndjson(folder, "a", a("Condition", "c", encounter=to("Encounter/e2")), *ring, own)
    assert run()["done"] == 6
    assert sorted(api.sizes) == [1, 1, 4]
    places = {resource["id"]: place for place, resource in api.resources.items()}
    for n in range(4):
        assert api.resources[places[f"e{n}"]]["partOf"] == to(places[f"e{(n + 1) % 4}"])
    assert api.resources[places["self"]]["derivedFrom"] == [to(places["self"])]


def test_a_circle_too_large_for_a_transaction_is_refused(folder: Path, run: Import) -> None:
    ndjson(folder, "a", *(a("Encounter", f"e{n}", partOf=to(f"Encounter/e{(n + 1) % 501}")) for n in range(501)))
    ndjson(folder, "b", a("Encounter", "alone"))
    counts = run()
    assert (counts["done"], counts["refused"]) == (1, 501)


def test_people_weigh_more_than_what_is_said_of_them(folder: Path, api: FakeFhir, run: Import) -> None:
    ndjson(folder, "a", *(a("Patient", f"p{n}") for n in range(30)))
    assert run(most=100, parallel=1)["done"] == 30
    assert api.sizes == [10, 10, 10]


@pytest.mark.parametrize(("planned", "certain"), [(-5, True), (-6.5, False), (6.5, False), (None, False)])
def test_what_was_sent_too_long_ago_to_tell_is_refused_and_nothing_doubled(
    folder: Path, api: FakeFhir, run: Import, planned: float | None, certain: bool
) -> None:
    """Days before or after now, as clocks are set; a journal that doesn't tell is as one from long ago."""
    ndjson(folder, "a", *(a("Patient", f"p{n}") for n in range(2)), a("Organization", "o"))
    ndjson(folder, "b", a("Observation", "of", subject=to("Patient/p0")))
    api.lost = {1}
    with pytest.raises(Unavailable):
        run(most=10, parallel=1, patience=-1)
    assert [one["resourceType"] for one in api.resources.values()] == ["Organization", "Patient"]
    replan(folder, planned)
    api.lost = set()
    if not certain:
        api.forget()
    counts = run(most=10, parallel=1)
    kinds = sorted(one["resourceType"] for one in api.resources.values())
    if certain:
        assert (counts["done"], kinds) == (4, ["Observation", "Organization", "Patient", "Patient"])
    else:
        assert (counts["done"], kinds) == (2, ["Organization", "Patient", "Patient"])
        assert refusals(folder) == [(0, 1, run_module.FORGOTTEN), (1, 1, GONE)]


@pytest.mark.parametrize("was_done", [True, False])
def test_a_chunk_that_never_ends_in_time_goes_in_parts_the_next_time(
    folder: Path, api: FakeFhir, run: Import, monkeypatch: pytest.MonkeyPatch, was_done: bool
) -> None:
    monkeypatch.setattr(run_module, "LONGEST_CALL", 0.0)
    ndjson(folder, "a", *(a("Organization", f"o{n}") for n in range(20)))
    api.lost = {0} if was_done else set()
    late = refusal(504, "too late")
    api.faulty = lambda number, bundle: late if len(bundle["entry"]) > 6 and number >= was_done else None
    with pytest.raises(Unavailable, match="fewer --entries"):
        run(patience=0, parallel=1)
    assert len(api.resources) == 20 * was_done
    api.lost, api.faulty = set(), lambda number, bundle: late if len(bundle["entry"]) > 6 and not was_done else None
    assert run(most=6, patience=0, parallel=1)["done"] == 20
    assert len(api.resources) == 20


@pytest.mark.parametrize("bad", [{0}, {9}, {3, 4, 8}, set(range(10))])
def test_the_entry_at_fault_is_refused_alone(folder: Path, api: FakeFhir, run: Import, bad: set[int]) -> None:
    ndjson(folder, "a", *(a("Patient", f"p{n}", number=n) for n in range(10)))
    api.bad = lambda resource: "is not one of the codes" if resource.get("number") in bad else ""
    counts = run()
    assert (counts.get("done", 0), counts["refused"]) == (10 - len(bad), len(bad))
    assert refusals(folder) == [(0, n + 1, "status is not one of the codes") for n in sorted(bad)]


def test_a_refusal_that_names_no_entry_is_found_by_halves(folder: Path, api: FakeFhir, run: Import) -> None:
    ndjson(folder, "a", *(a("Organization", f"p{n}", number=n) for n in range(20)))

    def at_commit(_: int, bundle: dict[str, Any]) -> Any:
        there = any(entry["resource"]["number"] == 13 for entry in bundle["entry"])
        return refusal(422, "A reference to nothing") if there else None

    api.faulty = at_commit
    assert run()["done"] == 19
    assert refusals(folder) == [(0, 14, "A reference to nothing")]


def test_what_is_too_much_at_once_goes_in_parts(folder: Path, api: FakeFhir, run: Import) -> None:
    ndjson(folder, "a", *(a("Patient", f"p{n}") for n in range(20)))
    api.faulty = lambda _, bundle: refusal(413, "too large") if len(bundle["entry"]) > 6 else None
    assert run()["done"] == 20


def test_whatever_refers_to_what_is_refused_is_refused_too(folder: Path, api: FakeFhir, run: Import) -> None:
    the_ward(folder, 2)
    api.bad = lambda resource: "is bad" if resource.get("id") == "p1" else ""
    assert run()["done"] == 5
    assert [reason for _, _, reason in refusals(folder)] == [GONE, GONE, "status is bad"]


def test_references_must_lead_somewhere_in_the_folder(folder: Path, api: FakeFhir, run: Import) -> None:
    ndjson(
        folder,
        "a",
        a("Observation", "1", subject=to("Patient/elsewhere")),
        a("Observation", "2", subject=to("urn:uuid:0d6dcd41-7a24-4a0c-8bb4-6c8d3e1d1f10")),
        a("Observation", "3", focus=[to("https://another.example/fhir/Patient/7")]),
        a("Observation", "4", focus=[to("#inside")], contained=[a("Patient", "inside")]),
        a("Observation", "5", hasMember=[to("Observation/1")]),
    )
    api.resources["#inside"] = {}
    assert run()["done"] == 2
    assert refusals(folder) == [(0, 1, MISSING), (0, 2, MISSING), (0, 5, GONE)]


def test_one_name_is_one_resource(folder: Path, api: FakeFhir, run: Import) -> None:
    ndjson(folder, "a", a("Patient", "p"), a("Patient", "p"), a("Patient", "p", active=True))
    ndjson(folder, "b", a("Observation", subject=to("Patient/p")), a("Observation", subject=to("Patient/p")))
    counts = run()
    assert (counts["done"], counts["same"], counts["refused"]) == (3, 1, 1)
    assert refusals(folder) == [(0, 3, TWICE)]


def test_a_urn_is_of_its_own_bundle(folder: Path, api: FakeFhir, run: Import) -> None:
    for n in range(2):
        entries = [
            {"fullUrl": "urn:uuid:1", "resource": a("Patient", number=n)},
            {"resource": a("Observation", subject=to("urn:uuid:1"), number=n)},
        ]
        (folder / f"{n}.json").write_text(
            json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries})
        )
    assert run()["done"] == 4
    for resource in api.resources.values():
        if "subject" in resource:
            assert api.resources[resource["subject"]["reference"]]["number"] == resource["number"]


def test_a_file_that_is_none_is_named_and_the_rest_gets_in(folder: Path, api: FakeFhir, run: Import) -> None:
    (folder / "broken.json").write_text('{"resourceType": "Bundle", "type": "transaction", "entry": [{"resource": {')
    ndjson(folder, "good", a("Patient", "p"))
    counts = run()
    assert (counts["done"], counts["refused"]) == (1, 1)
    assert refusals(folder) == [(0, 0, "The file ends within a value")]


def test_waits_as_told_and_gives_up_in_the_end(folder: Path, api: FakeFhir, run: Import) -> None:
    ndjson(folder, "a", a("Patient", "p"))
    api.faulty = lambda *_: refusal(503, "down")
    with pytest.raises(Unavailable, match="503"):
        run(patience=0)
    assert api.resources == {}
    api.faulty = lambda number, _: refusal(429, "slower", retry_after="0") if number < 5 else None
    assert run()["done"] == 1
    assert len(api.sizes) == 6


def test_a_folder_that_changed_is_not_gone_on_with(folder: Path, run: Import) -> None:
    ndjson(folder, "a", a("Patient", "p"))
    run()
    ndjson(folder, "b", a("Patient", "q"))
    with pytest.raises(InvalidInput, match="changed since"):
        run()


def test_who_may_not_import_is_told_at_once(folder: Path, api: FakeFhir, run: Import) -> None:
    ndjson(folder, "a", *(a("Patient", f"p{n}") for n in range(30)))
    api.faulty = lambda *_: refusal(403, "A purpose of use is required")
    with pytest.raises(AccessDenied, match="purpose"):
        run(most=5)
    assert len(api.sizes) <= 3
    api.faulty = lambda *_: None
    assert run()["done"] == 30


def test_a_file_that_changes_under_way_is_noticed(folder: Path, api: FakeFhir, run: Import) -> None:
    ndjson(folder, "a", a("Patient", "p", active=True))
    with Journal(folder.with_name("journal")) as journal:
        scan(journal, files(folder), Silent())
    before = (folder / "a.ndjson").stat()
    text = (folder / "a.ndjson").read_text()
    (folder / "a.ndjson").write_text(text.replace("true", "null"))
    os.utime(folder / "a.ndjson", ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(InvalidInput, match="changed since"):
        run()
    assert api.sizes == []


def test_the_journal_holds_nothing_of_the_source(folder: Path, api: FakeFhir, run: Import) -> None:
    ndjson(folder, "Zebrowski-files", a("Patient", "MRN-8003608166690503", name=[{"family": "Zebrowski"}]))
    ndjson(
        folder, "more", a("Observation", "o", subject=to("Patient/MRN-8003608166690503"), note=[{"text": "Zebrowski"}])
    )
    assert run()["done"] == 2
    journal = folder.with_name("journal")
    assert journal.stat().st_mode & 0o777 == 0o600
    for word in (b"Zebrowski", b"8003608166690503"):
        assert word not in journal.read_bytes()


def test_one_import_at_a_time_and_no_other_file(folder: Path, run: Import) -> None:
    ndjson(folder, "a", a("Patient", "p"))
    with Journal(folder.with_name("journal")), pytest.raises(InvalidInput, match="at work"):
        run()
    other = folder.with_name("other")
    other.write_text("something else that is longer than a header of a database " * 20)
    with pytest.raises(InvalidInput, match="no journal"), Journal(other):
        pass
    sqlite3.connect(folder.with_name("db")).execute("CREATE TABLE about (name, value)").connection.close()
    with pytest.raises(InvalidInput, match="no journal"), Journal(folder.with_name("db")):
        pass
