"""What commands say where something failed that told little itself: what it was, and where its cause is found."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from typer.testing import CliRunner

from phivault.cli import operator
from phivault.cli.api import Answer, Api
from phivault.cli.audit import by_operator, by_role
from phivault.cli.imports.send import Sender
from phivault.cli.keys import asking
from phivault.cli.main import app
from phivault.errors import Unavailable
from phivault.settings import settings

ID = "0199b3c2-0000-7000-8000-00000000abcd"
WHERE = f"The API's log says why, under {ID}"
PROBLEM = {"title": "Internal error", "status": 500, "instance": f"urn:uuid:{ID}"}
OUTCOME = {"resourceType": "OperationOutcome", "issue": [{"diagnostics": f"Unavailable (urn:uuid:{ID})"}]}


class Failing(Api):
    """Answers everything so."""

    answer = Answer(500, {}, b"")

    def _send(self, *_: object) -> Answer:
        return self.answer


def failing(status: int, document: dict[str, Any]) -> Api:
    api = Failing("https://api.example")
    api.answer = Answer(status, {}, json.dumps(document).encode())
    return api


@pytest.fixture(autouse=True)
def _an_operator(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("PHIVAULT_PROFILE", "dev")
    monkeypatch.setattr(operator, "act", lambda *_: "AKID")
    monkeypatch.setattr(by_operator, "act", lambda *_: "AKID")
    settings.cache_clear()
    yield
    settings.cache_clear()


def test_a_failure_of_the_api_is_found_in_its_log() -> None:
    with pytest.raises(Unavailable) as failed:
        failing(500, PROBLEM).call("GET", "/v1/me")
    assert failed.value.detail == f"Internal error. {WHERE}"
    with pytest.raises(Unavailable) as failed:
        failing(503, PROBLEM | {"detail": "S3 did not answer"}).call("GET", "/v1/me")
    assert failed.value.detail == f"S3 did not answer. {WHERE}"


def test_a_refusal_has_no_line_in_the_log() -> None:
    answer = Answer(400, {}, json.dumps(PROBLEM).encode())
    assert answer.where == ""
    assert Answer(500, {}, b"urn:uuid:\x1b[2J").where == ""


def test_so_is_the_failure_that_ended_an_import() -> None:
    with pytest.raises(Unavailable) as failed:
        Sender(failing(503, OUTCOME), {}, -1).send(b"{}", "key")
    assert failed.value.detail.startswith("The API has answered 503")
    assert failed.value.detail.endswith(f". {WHERE}")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"error": "integrity", "detail": ""}, "The rotator failed (integrity): its log says why"),
        ({"counts": 1}, "The rotator failed (no answer): its log says why"),
        ({"error": "unavailable", "detail": "PostgreSQL did not answer"}, "PostgreSQL did not answer"),
    ],
)
def test_the_rotator_is_named(monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any], said: str) -> None:
    monkeypatch.setattr(asking, "invoke", lambda *_, **__: answer)
    done = CliRunner().invoke(app, ["keys", "status"])
    assert (done.exit_code, done.output.strip()) == (3, said)


def test_the_exporter_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(by_operator, "invoke", lambda *_, **__: {"error": "internal", "detail": ""})
    with pytest.raises(Unavailable, match="The export failed: internal; the exporter's log says why"):
        by_operator.order("north", 0, open=False)
    api = failing(200, {"id": "e-1", "status": "failed"})
    monkeypatch.setattr(by_role, "signed_in", lambda *_: api)
    with pytest.raises(Unavailable, match="The export failed: it ended without a word; the exporter's log says why"):
        by_role.order("auditor", "north", 0, open=False)
