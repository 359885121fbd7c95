"""After errors of every kind nothing that was imported is found where it mustn't be: objects, tables, messages,
database files, logs, output, answers that refuse (DESIGN, P7)."""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import os
import re
import signal
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.bundles import generate
from local.seed import TENANTS
from tests.attacks.stack import provocations
from tests.support import leaks
from tests.support.aws_proxy import within
from tests.support.faulty import Faulty
from tests.support.leaks import Leaks
from tests.support.stack import RunningStack


def imported() -> Iterator[str]:
    """Names, birth dates, identifiers and narratives of the generated patients, as they were imported."""
    for tenant in TENANTS:
        for bundle in generate(count=tenant.patients, seed=tenant.seed):
            for entry in json.loads(bundle)["entry"]:
                yield from personal(entry["resource"])


def personal(resource: dict[str, Any]) -> Iterator[str]:
    if resource["resourceType"] != "Patient":
        return
    yield resource["birthDate"]
    yield from (identifier["value"] for identifier in resource["identifier"])
    for name in resource["name"]:
        yield from (name["family"], *name["given"])
    for address in resource.get("address", ()):
        yield from (*address["line"], address["city"])
    yield from (telecom["value"] for telecom in resource.get("telecom", ()))
    yield re.sub(r"<[^>]+>", "", resource["text"]["div"]).partition("person.")[2]


@dataclass
class Provoked:
    """``id`` is the planted patient's; ``refusals`` are the answers to what failed."""

    stack: RunningStack
    id: str
    refusals: list[httpx.Response]
    logs: list[Path]


@pytest.fixture(scope="module")
def provoked(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Provoked:
    api = stack.api("clinician")
    id = provocations.planted(api)
    answers = [*provocations.bad_bodies(api, id), *provocations.bad_requests(stack, id)]
    provocations.broken_wire(stack)
    log = tmp_path_factory.mktemp("faulty") / "functions.log"
    with Faulty(stack, log) as faulty:
        answers += provocations.broken_function(faulty, id)
    play_demo(stack)
    answers += kill(stack, "local.worker records", id)
    answers += kill(stack, "postgres: phivault_app", id)
    # A few are no errors: an id that the server replaces, a search that finds nobody.
    return Provoked(stack, id, [answer for answer in answers if answer.status_code >= 400], [log])


def play_demo(stack: RunningStack) -> None:
    """Steps 2 to 5: it reads in three roles, tampers with an envelope, stops S3, attacks the log. (The first uses up
    codes that other tests need.)"""
    for number in (2, 3, 4, 5):
        assert httpx.post(f"{stack.base_url}/_local/demo/{number}", timeout=120).status_code == 200


def kill(stack: RunningStack, command: str, id: str) -> list[httpx.Response]:
    """SIGKILL to the processes of that command; the answers until reads succeed again. PostgreSQL takes the loss
    of one of its processes for a crash: it starts anew and writes all it holds to its files."""
    victims = [process for process in stack.run.family if command in process.command]
    assert victims, command
    for process in victims:
        with contextlib.suppress(ProcessLookupError):  # PostgreSQL ends the others by itself
            os.kill(process.pid, signal.SIGKILL)
    api, answers = stack.api("clinician"), []

    def healed() -> bool:
        answers.append(api.get(f"/fhir/Patient/{id}"))
        return [answer.status_code for answer in answers[-3:]] == [200] * 3

    assert within(120, healed), answers[-1].text
    return answers


@pytest.fixture(scope="module")
def known() -> Leaks:
    return Leaks(provocations.PLANTED, list(imported()))


def found(places: Iterable[tuple[str, set[str]]]) -> dict[str, set[str]]:
    """By place; one example of a name is enough."""
    return {place: values for place, values in places if values}


def test_no_refusal_repeats_a_value(provoked: Provoked, known: Leaks) -> None:
    assert len(provoked.refusals) > 100
    for answer in provoked.refusals:
        said = json.dumps(dict(answer.headers)) + answer.text
        assert known.in_text(said.encode()) == set(), answer.text


def test_objects(provoked: Provoked, known: Leaks) -> None:
    held = list(leaks.objects(provoked.stack))
    assert any(provoked.id.encode() in body for _, body in held)
    assert found((place, known.in_text(body)) for place, body in held) == {}


def test_tables(provoked: Provoked, known: Leaks) -> None:
    rows = list(leaks.rows(provoked.stack))
    assert any(provoked.id.encode() in row for _, row in rows)
    assert found((place, known.in_text(row)) for place, row in rows) == {}


def test_logs_output_and_messages(provoked: Provoked, known: Leaks) -> None:
    texts = list(leaks.texts(provoked.stack, *provoked.logs))
    assert found((place, known.in_text(text)) for place, text in texts) == {}


def test_database_files(provoked: Provoked, known: Leaks) -> None:
    files = leaks.database_files(provoked.stack)
    holding = {place.split("/")[2] for data, place in files.items() if provoked.id.encode() in data}
    assert {"base", "pg_wal"} <= holding
    assert found((place, known.in_bytes(data)) for data, place in files.items()) == {}


def test_every_failure_is_found_in_a_log_by_the_id_that_it_was_answered_with(provoked: Provoked) -> None:
    logs = b"".join(path.read_bytes() for path in [*(provoked.stack.folder / "logs").iterdir(), *provoked.logs])
    failed = [answer for answer in provoked.refusals if answer.status_code == 500]
    assert len(failed) > 10
    for answer in failed:
        assert answer.headers["X-Request-Id"].encode() in logs


@pytest.mark.parametrize("value", [provocations.FAMILY, provocations.LINE, "1979-04-06", "Dummett", "Fen"])
def test_the_search_finds_what_it_looks_for(known: Leaks, value: str) -> None:
    raw = value.encode()
    places = [b'{"x": "' + raw + b'"}', b"the " + raw + b" of"]
    if len(raw) >= leaks.SHORTEST:
        places += [b"ab" + raw + b"cd", b"\0" * 50 + gzip.compress(b"it says " + raw) + b"\0" * 50]
    if value in provocations.PLANTED:
        places += [raw.hex().encode(), raw.hex().upper().encode(), raw.replace(b" ", b"%20")]
        places += [base64.b64encode(b"x" * before + raw + b"yz") for before in range(4)]
    for place in places:
        assert value in known.in_text(place), place
