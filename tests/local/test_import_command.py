"""``phivault import`` against a stack of its own: everything gets in once and reads back as it was.

The command signs in as a seeded user again and again, whose codes count once: on a shared stack it would use up those
of other tests.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from phivault.cli.signed_in import signed_in
from tests.support.population import IDS, compare, generate, imported
from tests.support.stack import running

if TYPE_CHECKING:
    from tests.support.stack import RunningStack

PHIVAULT = Path(sys.executable).with_name("phivault")
PATIENTS = 5
"""Of each population."""

type Command = Callable[..., subprocess.Popen[str]]
type Get = Callable[[str], bytes]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    yield from running(tmp_path_factory.mktemp("import"))


@pytest.fixture
def command(stack: RunningStack) -> Command:
    def start(*arguments: object) -> subprocess.Popen[str]:
        environment = os.environ | {"PHIVAULT_LOCAL": str(stack.folder)}
        given = [str(PHIVAULT), "import", *map(str, arguments)]
        return subprocess.Popen(given, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    return start


def ended(process: subprocess.Popen[str], status: int = 0) -> str:
    said, complained = process.communicate(timeout=240)
    assert process.returncode == status, said + complained
    return said + complained


@pytest.fixture
def reading(stack: RunningStack, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Get]:
    """Reads as whoever imported, signed in as the command does: only that knows which codes are used up."""
    monkeypatch.setenv("PHIVAULT_LOCAL", str(stack.folder))

    def sign_in(tenant: str = "") -> Get:
        client = stack.anyone(Authorization=f"Bearer {signed_in('clinician', tenant).token}")

        def get(path: str) -> bytes:
            while (answer := client.get(f"/fhir/{path}")).status_code == 429:
                time.sleep(int(answer.headers["Retry-After"]))
            assert answer.status_code == 200, answer.text[:300]
            return answer.content

        return get

    return sign_in


@pytest.mark.parametrize(("seed", "form"), [(7, "bundle"), (1234, "ndjson")])
def test_a_population_gets_in_and_reads_back_with_the_same_bytes(
    command: Command, reading: Callable[..., Get], tmp_path: Path, seed: int, form: str
) -> None:
    folder = tmp_path / "source"
    generate(folder, count=PATIENTS, seed=seed, form=form)
    said = ended(command(folder, "--entries", 120))
    source = imported(folder, tmp_path / "source.phivault-import")
    assert f"{len(source)} resources imported" in said
    assert len({one.place for one in source}) == len(source) > 200
    compared = compare(source, reading())
    assert set(compared) >= {"Patient", "Observation", "Encounter", "Condition", "DiagnosticReport", "Practitioner"}
    assert sum(compared.values()) > 2000
    assert not (tmp_path / "source.refused.ndjson").exists()


def test_killed_at_any_moment_it_goes_on_and_doubles_nothing(
    command: Command, reading: Callable[..., Get], tmp_path: Path
) -> None:
    folder, journal = tmp_path / "source", tmp_path / "source.phivault-import"
    generate(folder, count=PATIENTS, seed=99)
    for killed in range(1, 4):
        process = command(folder, "--entries", 5, "--parallel", 2)
        done_before, until = _done(journal), time.monotonic() + 120
        while process.poll() is None and _done(journal) <= done_before and time.monotonic() < until:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT if killed == 1 else signal.SIGKILL)
        if killed > 1 and process.wait(240) == 0:
            break  # a busy machine let it end before it was killed
        ended(process, 130 if killed == 1 else -signal.SIGKILL)
    ended(command(folder))
    source = imported(folder, journal)
    get = reading()
    compare(source, get)
    mine = [one for one in source if one.place.startswith("Observation/")]
    [whose] = {json.loads(one.members["subject"])["reference"] for one in mine if one.file == 0}
    [patient] = [one.place for one in source if one.file == 0 and one.full_url == whose]
    seen, path = 0, f"Observation?patient={patient.removeprefix('Patient/')}&_count={IDS}"
    while path:
        page = json.loads(get(path))
        seen += len(page.get("entry", []))
        path = next((link["url"].rpartition("/fhir/")[2] for link in page["link"] if link["relation"] == "next"), "")
    assert seen == sum(one.file == 0 for one in mine)


def _done(journal: Path) -> int:
    try:
        with sqlite3.connect(f"file:{journal}?mode=ro", uri=True) as kept:
            found = kept.execute("SELECT count(*) FROM resource WHERE state = 'done'").fetchone()
    except sqlite3.Error:
        return 0
    return int(found[0])


def test_refused_lines_are_told_with_the_reason_of_the_api(command: Command, tmp_path: Path) -> None:
    folder = tmp_path / "source"
    folder.mkdir()
    lines = [
        {"resourceType": "Patient", "id": "good", "name": [{"family": "Zebrowski"}]},
        {"resourceType": "Patient", "id": "bad", "gender": "Zebrowski"},
        {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "subject": _to("Patient/bad")},
        {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "subject": _to("Patient/good")},
        {"resourceType": "Zebrowski"},
    ]
    (folder / "all.ndjson").write_text("\n".join(map(json.dumps, lines)) + "\n{")
    said = ended(command(folder), 1)
    assert "2 resources imported" in said
    assert "4 refused" in said
    report = tmp_path / "source.refused.ndjson"
    assert report.stat().st_mode & 0o777 == 0o600
    found = {line["line"]: line for line in map(json.loads, report.read_text().splitlines())}
    assert set(found) == {2, 3, 5, 6}
    assert found[2]["file"] == "all.ndjson"
    assert "gender" in found[2]["reason"]
    assert "refused" in found[3]["reason"]
    assert "Zebrowski" not in report.read_text() + said


def test_what_was_refused_is_sent_again_alone(
    stack: RunningStack, command: Command, reading: Callable[..., Get], tmp_path: Path
) -> None:
    other = stack.tenants[1]  # whose clinician signs in nowhere else here: sign-ins are limited
    folder, journal = tmp_path / "source", tmp_path / "source.phivault-import"
    folder.mkdir()
    lines = [
        {"resourceType": "Patient", "id": "good", "name": [{"family": "Zebrowski"}]},
        {"resourceType": "Patient", "id": "bad", "gender": "Zebrowski"},
        {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "subject": _to("Patient/bad")},
    ]
    source = folder / "all.ndjson"
    source.write_text("\n".join(map(json.dumps, lines)) + "\n")
    assert "2 refused" in ended(command(folder, "--tenant", other), 1)
    first = _places(journal)
    assert len(first) == 1
    told = ended(command(folder, "--tenant", other), 1)
    assert "was finished on" in told
    assert "nothing was sent" in told
    source.write_text(source.read_text().replace('"gender": "Zebrowski"', '"gender": "unknown", "active": true'))
    assert "--retry-refused" in ended(command(folder, "--tenant", other), 2)
    said = ended(command(folder, "--tenant", other, "--retry-refused"))
    assert "3 resources imported, 2 of them now: 1 Observation, 2 Patient" in said
    assert not (tmp_path / "source.refused.ndjson").exists()
    found = _places(journal)
    assert (len(found), found | first) == (3, found)
    compare(imported(folder, journal), reading(other))
    for option in ([], ["--retry-refused"]):
        assert "nothing was sent" in ended(command(folder, "--tenant", other, *option))
    assert _places(journal) == found


def _places(journal: Path) -> dict[int, str]:
    """What the server made of each line."""
    with sqlite3.connect(f"file:{journal}?mode=ro", uri=True) as kept:
        return dict(kept.execute("SELECT number, made FROM resource WHERE state = 'done'").fetchall())


def _to(place: str) -> dict[str, Any]:
    return {"reference": place}


def test_whoever_may_not_write_imports_nothing(command: Command, tmp_path: Path) -> None:
    folder = tmp_path / "source"
    generate(folder, count=1, seed=5)
    said = ended(command(folder, "--as", "auditor", "--purpose", "OPERATIONS"), 1)
    assert "0 resources imported" in said
    ended(command(folder, "--as", "auditor", "--journal", tmp_path / "another"), 2)
    assert "of another user" in ended(command(folder), 2)
