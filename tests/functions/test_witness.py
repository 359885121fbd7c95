"""The witness's function in an execution environment of the local stack: confined, with KMS and S3."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from functions.table import TABLE
from local.confine import granted
from local.recorded import VARIABLE, read
from local.workers import Pool, WorkerDied, base_environment
from phivault.adapters.kms_signer import KmsSigner
from phivault.audit.log.checkpoint import verify
from phivault.audit.log.note import VerifierKey
from phivault.audit.log.witnessing import encode_request
from tests.support.log_signer import LocalSigner
from tests.support.witnessing import LOG_KEY, Log

if TYPE_CHECKING:
    from local.aws import LocalAws
    from local.aws_resources import Resources

ROW = next(row for row in TABLE if row.name == "witness")
type Ask = Callable[[Any], dict[str, Any]]


@pytest.fixture
def resources(aws: Resources, new_audit_bucket: Callable[..., str]) -> Resources:
    """With a memory of its own."""
    return replace(aws, witness_bucket=new_audit_bucket())


@pytest.fixture
def log(resources: Resources) -> Log:
    return Log(origin=resources.log_origin, signer=KmsSigner(resources.log_key_arn))


@pytest.fixture
def start(aws_endpoints: LocalAws, resources: Resources, tmp_path: Path) -> Iterator[Callable[..., Ask]]:
    pools: list[Pool] = []
    own = {f"PHIVAULT_{setting.upper()}" for setting in ROW.settings}

    def begin(**changed: str) -> Ask:
        offered = {"PHIVAULT_PROFILE": "local", **resources.environment(), **changed}
        given = {name: value for name, value in offered.items() if name in own}
        environment = base_environment() | aws_endpoints.environment() | given | {VARIABLE: str(tmp_path / "made")}
        pool = Pool("witness", environment, tmp_path / "witness.log", 1, 20)
        pools.append(pool)
        pool.wait_ready()
        return lambda event: pool.call(event, secrets.token_hex(4))

    yield begin
    for pool in pools:
        pool.stop()


def request(log: Log, old: int, new: int) -> dict[str, str]:
    return {"body": encode_request(old, log.proof(old, new) if 0 < old < new else [], log.note(new))}


def test_cosigns_and_remembers_in_another_environment(
    start: Callable[..., Ask], resources: Resources, log: Log
) -> None:
    first = start()(request(log, 0, 7))
    log_key, witness_key = VerifierKey.parse(resources.log_vkey), VerifierKey.parse(resources.witness_vkey)
    assert first["status"] == 200
    assert verify(log.note(7) + first["body"].encode(), log_key, witness_key).witnessed_at
    again = start()
    assert again(request(log, 0, 9)) == {"status": 409, "body": "7\n"}
    assert again(request(log.forked(3), 7, 9))["status"] == 422
    assert again(request(log, 7, 9))["status"] == 200


def test_names_its_verifier_key(start: Callable[..., Ask], resources: Resources) -> None:
    assert start()({"vkey": True}) == {"vkey": resources.witness_vkey}


@pytest.mark.parametrize("event", [{}, [], None, "body", {"body": None}, {"body": ["old 0"]}, {"body": "x" * 100_000}])
def test_what_is_no_request(start: Callable[..., Ask], event: object) -> None:
    assert start()(event)["status"] == 400


def test_a_pinned_key_is_what_counts(start: Callable[..., Ask], log: Log) -> None:
    """Whatever KMS says of the log's key."""
    pinned = VerifierKey(log.origin, LOG_KEY.kind, LocalSigner("log").public_key)
    ask = start(PHIVAULT_LOG_VKEY=pinned.vkey)
    assert ask(request(log, 0, 7))["status"] == 403
    assert ask(request(Log(origin=log.origin), 0, 7))["status"] == 200


def test_another_key_of_the_log_is_not_taken_up_later(start: Callable[..., Ask], log: Log) -> None:
    """Its memory pins the key: a log that shows another one in KMS finds no cosignature, not even for its past."""
    from local.aws_resources import create_signing_key

    assert start(PHIVAULT_LOG_VKEY="")(request(log, 0, 7))["status"] == 200
    moved = create_signing_key("another log key")
    other = Log(origin=log.origin, signer=KmsSigner(moved))
    ask = start(PHIVAULT_LOG_VKEY="", PHIVAULT_LOG_KEY_ARN=moved)
    for old, new in ((0, 7), (7, 7), (7, 9)):
        with pytest.raises(WorkerDied, match="IntegrityError"):
            ask(request(other, old, new))


def test_a_malformed_pin_cosigns_nothing(start: Callable[..., Ask], log: Log) -> None:
    with pytest.raises(WorkerDied, match="InvalidInput"):
        start(PHIVAULT_LOG_VKEY="log+0+x")(request(log, 0, 7))


def test_what_it_is_granted_is_what_it_calls(
    start: Callable[..., Ask], resources: Resources, log: Log, tmp_path: Path
) -> None:
    ask = start(PHIVAULT_LOG_VKEY="")
    assert [ask(request(log, old, new))["status"] for old, new in ((0, 7), (7, 9), (9, 9))] == [200] * 3
    made = {(action, on) for _, action, on in read(tmp_path / "made")}
    assert made == set(granted(ROW, resources.environment()))


def test_a_refusal_s_text_is_in_no_log(start: Callable[..., Ask], log: Log, tmp_path: Path) -> None:
    ask = start()
    ask(request(log, 0, 7))
    assert ask(request(log.forked(3), 7, 9))["status"] == 422
    lines = [json.loads(line) for line in (tmp_path / "witness.log").read_text().splitlines()]
    assert [line["level"] for line in lines] == ["ERROR"]
    assert log.origin not in (tmp_path / "witness.log").read_text()


def test_it_names_its_own_key(start: Callable[..., Ask], resources: Resources) -> None:
    assert start()({"vkey": True}) == {"vkey": resources.witness_vkey}
