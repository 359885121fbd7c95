"""``make run`` from its start to its end, however it comes to that. ``stack`` is one that runs and is shared."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pyotp
import pytest
import segno

from tests.support import processes
from tests.support.stack import READY_SECONDS, ROOT, Run, RunningStack

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
LOOPBACK = ("0100007F:", "00000000000000000000000001000000:")
USER = {"email", "password", "phone_number", "totp_secret"}
ROLES = {
    "clinician",
    "care_coordinator",
    "researcher",
    "tenant_admin",
    "privacy_officer",
    "security_officer",
    "auditor",
    "patient",
}
LIGHT = {"█": (True, True), "▀": (True, False), "▄": (False, True), " ": (False, False)}


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    """``start(**environment)`` runs in a folder that is this test's; called twice, in the same one."""
    runs: list[Run] = []

    def begin(**environment: str) -> Run:
        runs.append(Run.start(tmp_path / "state", tmp_path / f"output-{len(runs)}.log", **environment))
        return runs[-1]

    yield begin
    for run in runs:
        run.end()


# What it says when it is ready


def test_demo_json_is_whole_and_private(stack: RunningStack) -> None:
    path = stack.folder / "demo.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    facts = json.loads(path.read_text())
    assert set(facts) == {
        "base_url",
        "outbox_url",
        "region",
        "aws_endpoint_url",
        "aws_endpoint_url_s3",
        "aws_endpoint_url_lambda",
        "aws_endpoint_url_messages",
        "aws_access_key_id",
        "aws_secret_access_key",
        "cognito",
        "audit_bucket",
        "audit_head_bucket",
        "audit_index_table",
        "log_vkey",
        "witness_vkey",
        "postgres_dsn",
        "settings",
        "tenants",
    }
    assert set(facts["cognito"]) == {"endpoint_url", "user_pool_id", "client_id"}
    assert not facts["base_url"].endswith(("/", "/v1"))


def test_the_larger_tenant_comes_first_and_every_role_has_a_user(stack: RunningStack) -> None:
    tenants = list(stack.facts["tenants"].values())
    assert len(tenants) == 2
    assert [len(tenant["patients"]) for tenant in tenants] == [25, 3]
    assert set(tenants[0]["users"]) == ROLES
    for tenant in tenants:
        for role, user in tenant["users"].items():
            assert set(user) == (USER | {"patient_id"} if role == "patient" else USER)
        assert tenant["users"]["patient"]["patient_id"] in tenant["patients"]
    secrets = [u[name] for t in tenants for u in t["users"].values() for name in ("password", "totp_secret")]
    assert len(set(secrets)) == len(secrets)


def test_every_address_of_demo_json_answers(stack: RunningStack) -> None:
    facts, client = stack.facts, stack.anyone()
    assert client.get(facts["base_url"] + "/healthz").json()["status"] == "ready"
    assert isinstance(client.get(facts["outbox_url"]).json(), list)
    assert stack.aws("s3").list_objects_v2(Bucket=facts["audit_bucket"])["KeyCount"] > 0
    assert stack.aws("dynamodb").scan(TableName=facts["audit_index_table"], Limit=1)["Count"] == 1
    pool = facts["cognito"]
    jwks = client.get(f"{pool['endpoint_url']}/{pool['user_pool_id']}/.well-known/jwks.json").json()
    assert jwks["keys"]
    sql = "import psycopg, sys; print(psycopg.connect(sys.argv[1]).execute('select current_user').fetchone()[0])"
    asked = subprocess.run([sys.executable, "-c", sql, facts["postgres_dsn"]], capture_output=True, text=True)
    assert asked.stdout == "phivault_app\n", asked.stderr


def test_it_prints_the_address_and_who_may_sign_in(stack: RunningStack) -> None:
    clinician = stack.user("clinician")
    lines = stack.output.splitlines()
    assert stack.base_url in lines
    for text in (*(clinician[name] for name in ("email", "password", "totp_secret")), str(stack.folder / "demo.json")):
        assert any(text in line.split() or line.endswith(text) for line in lines), text


def test_it_says_when_it_was_ready(
    stack: RunningStack, record_testsuite_property: Callable[[str, object], None]
) -> None:
    """How long that took depends on the machine: noted, not judged."""
    (seconds,) = re.findall(r"^ *(\d+\.\d) s  ready$", stack.output, re.MULTILINE)
    record_testsuite_property("ready_seconds", float(seconds))


def test_the_picture_holds_the_secret_that_signs_in(stack: RunningStack) -> None:
    """Read back from the characters on the screen; the key URI format is what authenticator apps read."""
    clinician = stack.user("clinician")
    uri = f"otpauth://totp/phivault:{quote(clinician['email'])}?secret={clinician['totp_secret']}&issuer=phivault"
    code = segno.make(uri, error="m")
    expected = [[bool(module) for module in row] for row in code.matrix_iter(border=code.default_border_size)]
    drawn = [line for line in stack.output.splitlines() if line and set(line) <= set(LIGHT)]
    shown = [[not LIGHT[c][half] for c in line] for line in drawn for half in (0, 1)]
    assert shown[: len(expected)] == expected
    read = pyotp.parse_uri(uri)
    assert isinstance(read, pyotp.TOTP)
    assert (read.secret, read.name, read.issuer) == (clinician["totp_secret"], clinician["email"], "phivault")
    assert stack.sign_in("clinician")["expires_in"] == 900


# What runs


def test_it_listens_on_loopback_alone(stack: RunningStack) -> None:
    addresses = processes.listening(stack.run.family)
    assert len(addresses) >= 5  # the gateway, Cognito, PostgreSQL, AWS and S3
    assert [address for address in addresses if not address.startswith(LOOPBACK)] == []


def test_no_process_shows_a_secret_to_other_users(stack: RunningStack) -> None:
    """Command lines are for everyone to read."""
    users = [user for tenant in stack.facts["tenants"].values() for user in tenant["users"].values()]
    secrets = [user[name] for user in users for name in ("password", "totp_secret")]
    secrets += [stack.facts["aws_secret_access_key"], stack.facts["postgres_dsn"].split("@")[0].split(":")[2]]
    shown = " ".join(process.command for process in stack.run.family)
    assert "local.worker records" in shown
    assert [secret for secret in secrets if secret in shown] == []


def test_the_functions_see_nothing_of_the_caller_s_environment(stack: RunningStack) -> None:
    """pytest names its test in the environment that the stack inherited."""
    inherited = (processes.PROC / str(stack.pid) / "environ").read_bytes()
    assert b"PYTEST_CURRENT_TEST" in inherited
    assert "PYTEST_CURRENT_TEST" not in stack.environment_of("records")
    assert "PHIVAULT_POSTGRES_DSN" not in stack.environment_of("auth")
    for function, role in (("records", "phivault_app"), ("rotator", "phivault_rotator")):
        assert stack.environment_of(function)["PHIVAULT_POSTGRES_DSN"].startswith(f"postgresql://{role}:")


# What it refuses


@pytest.mark.parametrize("port", ["http", "", "-1", "65536", "80.5", "9" * 5000])
def test_a_port_that_is_none(start: Callable[..., Run], port: str) -> None:
    run = start(PORT=port)
    assert run.process.wait(READY_SECONDS) == 1
    assert "PORT must be a number up to 65535" in run.output
    assert "Traceback" not in run.output


def test_a_port_that_is_taken(start: Callable[..., Run]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        run = start(PORT=str(port))
        assert run.process.wait(READY_SECONDS) == 1
    assert f"Port {port} is taken. Choose another one: PORT={port + 1} make run" in run.output
    assert "starting" not in run.output
    assert not (run.folder / "postgres").exists()


def test_a_second_stack_in_the_folder_of_a_running_one(stack: RunningStack, tmp_path: Path) -> None:
    before = {path: path.stat().st_ino for path in stack.folder.iterdir()}
    run = Run.start(stack.folder, tmp_path / "output.log")
    assert run.process.wait(READY_SECONDS) == 1
    assert f"A local stack runs in {stack.folder}" in run.output
    assert {path: path.stat().st_ino for path in stack.folder.iterdir()} == before
    assert stack.anyone().get(stack.base_url + "/healthz").status_code == 200


# How it ends


def nothing_left(everyone: list[processes.Process], within: float = 15) -> None:
    assert len(everyone) > 3
    assert processes.survivors(everyone, within) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP], ids=["ctrl-c", "closed-terminal"])
def test_while_it_starts(start: Callable[..., Run], number: signal.Signals) -> None:
    run = start()
    run.wait_for(" functions")
    everyone = run.family
    assert run.interrupt(number) == 130
    assert "Traceback" not in run.output
    nothing_left(everyone)


def test_twice_ctrl_c_while_it_seeds(start: Callable[..., Run]) -> None:
    run = start()
    run.wait_for("enrolling")
    everyone = run.family
    os.killpg(run.pid, signal.SIGINT)
    run.wait_for("stopping")
    run.interrupt()
    assert "Traceback" not in run.output
    nothing_left(everyone)


def test_killed_in_the_middle_of_seeding_it_leaves_nothing_and_runs_again_as_ever(start: Callable[..., Run]) -> None:
    """The second time in the environment of a developer who works with AWS, behind a proxy."""
    killed = start()
    killed.wait_for("imported 5 of")
    everyone = killed.family
    killed.process.kill()
    nothing_left(everyone)

    run = start(**DEVELOPER)
    facts = run.wait_ready()
    again = RunningStack(run, facts)
    try:
        assert [len(tenant["patients"]) for tenant in facts["tenants"].values()] == [25, 3]
        read = again.api("clinician").get(f"/fhir/Patient/{again.patients()[0]}")
        assert (read.status_code, read.json()["resourceType"]) == (200, "Patient")
        command = [sys.executable, "-c", "from phivault.cli.main import app; app()", "demo", "--step", "5", "--quiet"]
        played = subprocess.run(command, env=os.environ | DEVELOPER | {"PHIVAULT_LOCAL": str(run.folder)}, check=False)
        assert played.returncode == 0
    finally:
        again.close()
    everyone = run.family
    os.kill(run.pid, signal.SIGTERM)
    assert run.process.wait(READY_SECONDS) == 0
    nothing_left(everyone, within=3)
    assert "Traceback" not in run.output


DEVELOPER = {
    "AWS_PROFILE": "work",
    "AWS_SESSION_TOKEN": "a-session-of-another-account",
    "AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:9",
    "AWS_ENDPOINT_URL_KMS": "http://127.0.0.1:9",
    "HTTP_PROXY": "http://127.0.0.1:9",
    "http_proxy": "http://127.0.0.1:9",
    "ALL_PROXY": "http://127.0.0.1:9",
    "PGHOST": "db.example.org",
    "PGSSLMODE": "disable",
    "PHIVAULT_AUDIT_BUCKET": "another",
}


def test_killed_make_takes_it_along(tmp_path: Path) -> None:
    """As make does it: a shell that waits for it, and dies without a word."""
    log = tmp_path / "output.log"
    with log.open("wb") as output:
        make = subprocess.Popen(
            ["sh", "-c", f"'{sys.executable}' -m local.run; true"],
            cwd=ROOT,
            env=os.environ | {"PORT": "0", "PHIVAULT_LOCAL": str(tmp_path / "state"), "MAKELEVEL": "1"},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    run = Run(tmp_path / "state", log, make)
    try:
        run.wait_for("migrating")
        everyone = run.family
        make.kill()
        nothing_left(everyone)
    finally:
        run.end()
