"""After Ctrl-C a command about keys names the one that goes on, for the same tenant and subject: never for more."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from typer.testing import CliRunner

from phivault.cli import operator
from phivault.cli.keys import asking
from phivault.cli.main import app
from phivault.settings import settings


@pytest.fixture(autouse=True)
def _an_operator_who_ends_it(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def ended(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setenv("PHIVAULT_PROFILE", "dev")
    monkeypatch.setattr(operator, "act", lambda *_: "AKID")
    monkeypatch.setattr(asking, "invoke", ended)
    settings.cache_clear()
    yield
    settings.cache_clear()


@pytest.mark.parametrize(
    "given",
    [
        "rotate",
        "rotate --tenant north",
        "rotate --tenant north --subject Patient/p",
        "retire",
        "retire --tenant north",
        "retire --tenant north --subject Patient/p",
        "status",
        "status --tenant north",
        "status --no-rows --tenant north",
        "rewrap",
        "rewrap --tenant north",
        "forget",
        "forget --tenant north",
    ],
)
def test_it_goes_on_with_what_was_given(given: str) -> None:
    done = CliRunner().invoke(app, ["keys", *given.split()])
    assert (done.exit_code, done.output.strip().splitlines()[-1]) == (
        130,
        f"Ended. What was done stays; go on with: phivault keys {given}",
    )
