"""Lambda's Invoke on this machine: the SDK's own requests, signed by this stack, for functions of the table."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from local import invoke
from local.cognito.signatures import Signatures
from local.ports import listen, port_of
from local.serve import Server
from local.workers import WorkerDied
from phivault.adapters import aws, lambda_invoke
from phivault.adapters.lambda_witness import LambdaWitness
from phivault.errors import Unavailable
from tests.support.bounded import HANGS, ends_by_itself
from tests.support.witnessing import Log

ARNS = ("arn:aws:lambda:us-east-1:123456789012:function:sealer:live", "123456789012:function:sealer")
"""Ways besides its name to call a function."""


class Functions:
    """What was called with what; ``answer`` is the handler."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []
        self.answer: Callable[[Any], Any] = lambda event: {"got": event}

    def __call__(self, name: str, event: Any) -> Any:
        self.calls.append((name, event))
        return self.answer(event)


@pytest.fixture
def functions() -> Functions:
    return Functions()


@pytest.fixture
def url(functions: Functions, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    listener = listen(0)
    signatures = Signatures("AKID", "secret", "us-east-1", service="lambda", also_signed=())
    later = invoke.Later(functions, (0.0, 0.0))
    server = Server(invoke.create(["witness", "sealer", *ARNS], functions, later, signatures), listener).start()
    url = f"http://127.0.0.1:{port_of(listener)}"
    for name, value in {
        "AWS_ENDPOINT_URL_LAMBDA": url,
        "AWS_ACCESS_KEY_ID": "AKID",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    aws.forget_clients()
    yield url
    aws.forget_clients()
    later.stop()
    server.stop()
    listener.close()


def sdk(secret: str = "secret", key: str = "AKID", region: str = "us-east-1") -> Any:
    session = boto3.Session(key, secret, region_name=region)
    return session.client("lambda", config=Config(retries={"total_max_attempts": 1}))


def code(call: Callable[[], Any]) -> str:
    with pytest.raises(ClientError) as refused:
        call()
    return aws.error_code(refused.value)


def await_calls(functions: Functions, count: int) -> None:
    until = time.monotonic() + 60
    while len(functions.calls) < count and time.monotonic() < until:
        time.sleep(0.01)
    assert len(functions.calls) == count


@pytest.mark.usefixtures("url")
class TestTheSdk:
    def test_waits_for_an_answer(self, functions: Functions):
        answer = sdk().invoke(FunctionName="witness", Payload=b'{"a": 1}')
        assert (answer["StatusCode"], json.loads(answer["Payload"].read())) == (200, {"got": {"a": 1}})
        assert "FunctionError" not in answer
        assert functions.calls == [("witness", {"a": 1})]

    def test_without_a_payload(self, functions: Functions):
        sdk().invoke(FunctionName="sealer")
        assert functions.calls == [("sealer", {})]

    def test_does_not_wait_for_an_event(self, functions: Functions):
        go = threading.Event()
        functions.answer = lambda _: go.wait(5)
        answer = sdk().invoke(FunctionName="witness", InvocationType="Event", Payload=b"{}")
        assert (answer["StatusCode"], answer["Payload"].read()) == (202, b"")
        go.set()
        await_calls(functions, 1)

    def test_an_event_that_fails_comes_twice_more(self, functions: Functions):
        def fail(_: Any) -> None:
            raise WorkerDied("witness")

        functions.answer = fail
        sdk().invoke(FunctionName="witness", InvocationType="Event", Payload=b"{}")
        await_calls(functions, 3)
        time.sleep(0.1)
        assert len(functions.calls) == 3

    def test_is_told_that_a_function_failed_and_not_why(self, functions: Functions):
        def fail(_: Any) -> None:
            raise WorkerDied("ValueError")

        functions.answer = fail
        answer = sdk().invoke(FunctionName="witness", Payload=b"{}")
        assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
        assert json.loads(answer["Payload"].read()) == {"errorType": "ValueError", "errorMessage": ""}

    def test_an_answer_may_be_too_large(self, functions: Functions):
        functions.answer = lambda _: "x" * (6 << 20)
        assert sdk().invoke(FunctionName="witness")["FunctionError"] == "Unhandled"

    def test_a_dry_run_calls_nothing(self, functions: Functions):
        assert sdk().invoke(FunctionName="witness", InvocationType="DryRun")["StatusCode"] == 204
        assert not functions.calls

    def test_what_is_refused(self, functions: Functions):
        assert code(lambda: sdk().invoke(FunctionName="nothing")) == "ResourceNotFoundException"
        assert code(lambda: sdk().invoke(FunctionName="witness", Payload=b"{")) == "InvalidRequestContentException"
        large = b'"' + b"x" * (1 << 20) + b'"'
        asked = {"FunctionName": "witness", "Payload": large}
        assert code(lambda: sdk().invoke(InvocationType="Event", **asked)) == "RequestTooLargeException"
        assert sdk().invoke(**asked)["StatusCode"] == 200
        assert len(functions.calls) == 1

    def test_other_credentials_call_nothing(self, functions: Functions):
        for client in (sdk(secret="another"), sdk(key="another"), sdk(region="eu-west-1")):
            for kind in ("RequestResponse", "Event", "DryRun"):
                refusal = code(lambda c=client, k=kind: c.invoke(FunctionName="witness", InvocationType=k))
                assert refusal in ("InvalidSignatureException", "UnrecognizedClientException")
        assert not functions.calls


def test_unsigned_and_altered_requests_call_nothing(functions: Functions, url: str):
    path = f"{url}/2015-03-31/functions/witness/invocations"
    assert httpx.post(path, json={}).status_code == 403
    assert httpx.post(path, json={}, headers={"Origin": "http://evil.example"}).status_code == 403
    assert httpx.get(path).status_code == 405
    sent: list[Any] = []
    client = sdk()
    client.meta.events.register("before-send.lambda.Invoke", lambda request, **_: sent.append(request))
    client.invoke(FunctionName="witness", Payload=b'{"a": 1}')
    (request,) = sent
    headers = {name: value if isinstance(value, str) else value.decode() for name, value in request.headers.items()}
    assert httpx.post(path, content=b'{"a": 2}', headers=headers | {"Content-Length": "8"}).status_code == 403
    elsewhere = path.replace("witness", "sealer")
    assert httpx.post(elsewhere, content=b'{"a": 1}', headers=headers).status_code == 403
    assert functions.calls == [("witness", {"a": 1})]


@pytest.mark.usefixtures("url")
class TestTheAdapters:
    def test_one_function_asks_another(self, functions: Functions):
        assert lambda_invoke.invoke("sealer", {"a": [1]}, wait_seconds=5) == {"got": {"a": [1]}}
        assert functions.calls == [("sealer", {"a": [1]})]

    def test_or_leaves_it_an_event(self, functions: Functions):
        lambda_invoke.invoke_later("sealer", {"a": 1})
        await_calls(functions, 1)

    @pytest.mark.parametrize("answer", [None, 7, "text", [1]])
    def test_an_answer_that_is_no_object(self, functions: Functions, answer: object):
        functions.answer = lambda _: answer
        with pytest.raises(Unavailable, match=r"^The function sealer didn't answer as agreed$"):
            lambda_invoke.invoke("sealer", {}, wait_seconds=5)

    def test_a_function_that_fails_or_is_not_there(self, functions: Functions):
        def fail(_: Any) -> None:
            raise WorkerDied("ValueError")

        functions.answer = fail
        for called in ("sealer", *ARNS):
            with pytest.raises(Unavailable, match=r"^The function sealer failed: its log says why$"):
                lambda_invoke.invoke(called, {}, wait_seconds=5)
        with pytest.raises(Unavailable, match="Lambda, asked for nothing, refused: ResourceNotFound"):
            lambda_invoke.invoke("nothing", {}, wait_seconds=5)
        with pytest.raises(Unavailable, match="ResourceNotFound"):
            lambda_invoke.invoke_later("nothing", {})

    def test_nobody_waits_longer_than_said_or_asks_twice(self, functions: Functions):
        go = threading.Event()
        functions.answer = lambda _: go.wait(HANGS)
        with ends_by_itself(), pytest.raises(Unavailable, match="asked for sealer, did not answer: ReadTimeout"):
            lambda_invoke.invoke("sealer", {}, wait_seconds=0.3)
        assert len(functions.calls) == 1
        go.set()

    def test_the_witness_is_asked_in_its_own_words(self, functions: Functions):
        functions.answer = lambda _: {"status": 409, "body": "7\n"}
        answered = LambdaWitness("witness").add_checkpoint(3, Log().proof(3, 5), Log().note(5))
        assert (answered.status, answered.body) == (409, "7\n")
        ((name, event),) = functions.calls
        assert (name, list(event)) == ("witness", ["body"])
        assert event["body"].startswith("old 3\n")
        assert event["body"].endswith("\n\n" + Log().note(5).decode())

    @pytest.mark.parametrize(
        "answer", [{}, {"status": "200", "body": ""}, {"status": 200}, {"status": 200, "body": None}]
    )
    def test_a_witness_that_answers_otherwise(self, functions: Functions, answer: dict[str, Any]):
        functions.answer = lambda _: answer
        with pytest.raises(Unavailable, match="agreed"):
            LambdaWitness("witness").add_checkpoint(0, [], Log().note(5))
