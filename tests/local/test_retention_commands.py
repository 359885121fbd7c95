"""``phivault audit retention`` and ``phivault audit hold`` on the local endpoints."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from phivault.audit.tenants import UNKNOWN
from phivault.errors import Unavailable
from tests.support.audit import an_event

if TYPE_CHECKING:
    from local.aws import LocalAws
    from local.aws_resources import Resources

type Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(aws_endpoints: LocalAws, aws: Resources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """The commands in a folder of their own, with a demo.json as the stack writes it."""
    from phivault import bootstrap
    from phivault.cli.main import app
    from phivault.settings import settings

    facts = {
        "base_url": "not asked for here",
        "settings": aws.environment() | {"PHIVAULT_PROFILE": "local"},
        "aws_endpoint_url": aws_endpoints.endpoint_url,
        "aws_endpoint_url_s3": aws_endpoints.s3_endpoint_url,
        "aws_endpoint_url_lambda": aws_endpoints.endpoint_url,
        "aws_endpoint_url_messages": aws_endpoints.endpoint_url,
        "aws_access_key_id": aws_endpoints.access_key_id,
        "aws_secret_access_key": aws_endpoints.secret_access_key,
        "region": aws_endpoints.region,
        "cognito": {"endpoint_url": aws_endpoints.endpoint_url, "user_pool_id": "not asked for here"},
    }
    (tmp_path / "demo.json").write_text(json.dumps(facts))
    for name, value in facts["settings"].items():  # type: ignore[attr-defined]  # a mapping of strings
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PHIVAULT_LOCAL", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    cached: list[Any] = [settings, bootstrap.recorder, bootstrap.audit_index, bootstrap.retention_applier]
    cached.append(bootstrap.locked_objects)

    def forget() -> None:
        for each in cached:
            each.cache_clear()

    def call(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, ["audit", *arguments])
        return done.exit_code, done.output

    forget()
    yield call
    forget()


@pytest.fixture
def tenant(run: Run, tmp_path: Path) -> str:
    """A tenant with an event of patient p1."""
    from phivault import bootstrap
    from phivault.ids import uuid7

    name = f"tenant-{uuid7()}"
    bootstrap.recorder().append([an_event(tenant=name, patient="p1")])
    return name


def test_extending_is_shown_and_never_taken_back(run: Run, tenant: str) -> None:
    assert run("retention", "show", "--tenant", tenant) == (0, f"{tenant}: 2192 days\n")
    status, output = run("retention", "extend", "--tenant", tenant, "--days", "3000")
    assert (status, "3000 days" in output, "objects of the log looked at" in output) == (0, True, True)
    for fewer in ("2999", "1"):
        status, output = run("retention", "extend", "--tenant", tenant, "--days", fewer)
        assert (status, output.strip()) == (1, "Retention can only be extended: it is 3000 days")
    status, output = run("retention", "show", "--tenant", tenant)
    assert "extended to 3000 days" in output


def test_a_hold_is_placed_shown_and_lifted(run: Run, tenant: str) -> None:
    arguments = ("--tenant", tenant, "--patient", "p1", "--case", "2026-0117")
    assert run("hold", "place", *arguments)[0] == 0
    assert run("hold", "place", *arguments)[0] == 1
    assert "for case 2026-0117: p1" in run("retention", "show", "--tenant", tenant)[1]
    assert run("hold", "release", *arguments)[0] == 0
    assert run("hold", "release", *arguments)[0] == 1
    assert "held since" not in run("retention", "show", "--tenant", tenant)[1]


def test_a_tenant_with_a_typing_error_is_refused_and_a_new_one_said(run: Run, tenant: str) -> None:
    wrong = ("--tenant", f"{tenant}x")
    hold, longer = ("hold", "place", *wrong, "--case", "2026-0117"), ("retention", "extend", *wrong, "--days", "3000")
    as_it_is = ("retention", "extend", *wrong, "--days", "2192")
    for arguments in (hold, hold, longer, longer, as_it_is):  # what was tried is on record, and still no tenant
        status, output = run(*arguments)
        assert (status, len(output.strip().splitlines())) == (1, 1)
        assert "no line of this tenant" in output
        assert "--new" in output
    assert run("retention", "show", *wrong) == (1, f"{UNKNOWN}\n")
    for arguments in (hold, longer):
        assert run(*arguments, "--new")[0] == 0
    assert "for case 2026-0117" in run("retention", "show", *wrong)[1]


def test_a_new_tenant_whose_hold_was_lifted_is_still_shown_its_history(run: Run, tenant: str) -> None:
    """No line of it is in the log, and no rule stands; but somebody saw to it."""
    new = ("--tenant", f"{tenant}-new", "--case", "2026-0117")
    assert run("hold", "place", *new, "--new")[0] == 0
    assert run("hold", "release", *new)[0] == 0
    status, output = run("retention", "show", *new[:2])
    assert (status, [line.split()[1] for line in output.splitlines()[1:]]) == (0, ["placed", "lifted"])


def test_a_case_with_a_name_is_refused(run: Run, tenant: str) -> None:
    status, output = run("hold", "place", "--tenant", tenant, "--case", "Jane v. Hospital")
    assert (status, len(output.strip().splitlines())) == (2, 1)


def test_what_was_ended_in_the_middle_goes_on(run: Run, tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from phivault.adapters.s3_retention import S3Retention

    def down(*_: object) -> None:
        raise Unavailable("S3 did not answer")

    arguments = ("retention", "extend", "--tenant", tenant, "--days", "3000")
    with monkeypatch.context() as outage:
        outage.setattr(S3Retention, "retain", down)
        assert run(*arguments)[0] == 3
    assert run("retention", "extend", "--tenant", tenant, "--days", "4000")[0] == 2
    status, output = run(*arguments)
    assert (status, "looked at" in output) == (0, True)
    assert not list(Path.cwd().glob(".phivault-*"))


def test_without_a_stack_and_settings_it_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from phivault.cli.main import app
    from phivault.settings import settings

    monkeypatch.setenv("PHIVAULT_LOCAL", str(tmp_path / "none"))
    monkeypatch.delenv("PHIVAULT_PROFILE", raising=False)
    settings.cache_clear()
    done = CliRunner().invoke(app, ["audit", "retention", "show", "--tenant", "north"])
    settings.cache_clear()
    assert (done.exit_code, "PHIVAULT_PROFILE" in done.output) == (2, True)
