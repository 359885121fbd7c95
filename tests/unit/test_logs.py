"""No log line repeats what an exception quotes, nor an identifier that a message or a field holds."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable
from typing import Any

import pytest

from phivault.errors import NotFound
from phivault.logs import WITHHELD, Redactor, ScrubbingFormatter
from phivault.phi.detect import redact_line

VALUE = "Zyxwvuts"
REQUEST = "0199b3c2-0000-7000-8000-00000000abcd"
PLANTED = [
    "Dr. Alice Zyxwvuts",
    "(617) 555-0143",
    "+44 7700 900982",
    "zyxwvuts@example.org",
    "219-09-9999",
    "999 123 4578",
    "4111 1111 1111 1111",
    "17 Plover Road, Springfield, MA 01101",
    "03/14/1979",
    "198.51.100.23",
    "2001:db8::17",
    "https://example.org/p/zyxwvuts",
]

type Line = Callable[..., dict[str, Any]]


def fail_with(error: BaseException) -> None:
    raise error


def logger_of(redact: Redactor) -> tuple[logging.Logger, io.StringIO]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(ScrubbingFormatter(redact, log_record_order=["timestamp", "level"], service="test", utc=True))
    log = logging.Logger("test")
    log.addHandler(handler)
    return log, stream


@pytest.fixture
def logged():
    """``logged(error)`` raises and logs it as any library would; answers the line."""
    log, stream = logger_of(redact_line)

    def line(error: BaseException, message: str = "it failed") -> str:
        try:
            fail_with(error)
        except BaseException:
            log.exception(message)
        return stream.getvalue()

    return line


@pytest.fixture
def said() -> Line:
    """``said(message, *args, **extra)`` logs and answers the line's fields."""

    def line(message: object, *args: object, redact: Redactor = redact_line, **extra: object) -> dict[str, Any]:
        log, stream = logger_of(redact)
        log.info(message, *args, extra=extra)
        fields: dict[str, Any] = json.loads(stream.getvalue())
        return fields

    return line


def test_an_exception_shows_its_type_and_place_but_not_its_text(logged) -> None:
    line = logged(ValueError(VALUE))
    assert VALUE not in line
    assert "ValueError" in json.loads(line)["exception"]
    assert "test_logs.py" in json.loads(line)["exception"]


def test_nor_do_its_cause_and_context(logged) -> None:
    outer = RuntimeError(VALUE)
    outer.__cause__ = KeyError(VALUE)
    outer.__cause__.__context__ = ExceptionGroup(VALUE, [ValueError(VALUE)])
    outer.add_note(VALUE)
    line = logged(outer)
    assert VALUE not in line
    assert "KeyError" in line


def test_our_own_errors_keep_the_text_that_names_no_value(logged) -> None:
    assert "Patient not found" in logged(NotFound("Patient not found"))


def test_an_error_of_ours_that_was_written_with_a_value_is_redacted_too(logged) -> None:
    line = logged(NotFound("no patient with the number 219-09-9999"))
    assert "219-09-9999" not in line
    assert "[ssn]" in json.loads(line)["exception"]


@pytest.mark.parametrize("value", PLANTED)
def test_identifiers_are_blanked_wherever_they_stand(said: Line, value: str) -> None:
    lines = [
        said(f"could not send to {value} now"),
        said("could not send to %s now", value),
        said("failed", about=value),
        said("failed", about={"deep": [{"er": (value,)}]}),
        said("failed", about={value: 1}),
        said({"structured": value}),
        said(json.dumps({"as": value})),
    ]
    for fields in lines:
        assert value not in json.dumps(fields, ensure_ascii=False), fields


def test_an_object_is_redacted_as_the_text_that_it_prints(said: Line) -> None:
    class Sender:
        def __str__(self) -> str:
            return "Sender of zyxwvuts@example.org"

    assert said("failed", sender=Sender())["sender"] == "Sender of [email]"


def test_a_number_that_is_an_identifier_is_none_for_json(said: Line) -> None:
    assert said(json.dumps({"card": 4111111111111111}))["message"] == {"card": "[card]"}


def test_our_own_fields_stay(said: Line) -> None:
    fields = said("request failed: %s", "unavailable", request_id=REQUEST, duration_ms=12.5, attempts=3, ok=True)
    assert fields["message"] == "request failed: unavailable"
    assert fields["request_id"] == REQUEST
    assert (fields["duration_ms"], fields["attempts"], fields["ok"]) == (12.5, 3, True)
    assert (fields["service"], fields["level"]) == ("test", "INFO")
    assert fields["location"].startswith("line:")
    assert fields["timestamp"][:2] == "20"


@pytest.mark.parametrize(
    "message",
    [
        "sealed beyond a gap: events/2026/01/02/0199b3c2-0000-7000-8000-00000000abcd.jsonl, line 7 is missing",
        "checkpoint of 2026-01-02T03:04:05Z can't be read",
        f"Patient/{REQUEST} was deleted",
        "GET /v1/fhir/Patient/_search answered 503 after 1200 ms",
        "size 4096 isn't shown to grow from the witnessed size 2048",
        "Policies could not decide action 'admin:users-change': denied",
        "The custom resource failed",
        "audit writer retired: unavailable",
    ],
)
def test_what_our_code_says_of_itself_stays(said: Line, message: str) -> None:
    assert said(message)["message"] == message


def test_frames_stay_as_they_are(logged) -> None:
    exception = json.loads(logged(ValueError(VALUE)))["exception"]
    assert f"{__file__}:" in exception
    assert "fail_with" in exception


def breaks(_: str) -> str:
    raise RuntimeError("broken rules")


def test_a_redactor_that_fails_neither_loses_the_line_nor_lets_it_through(said: Line) -> None:
    fields = said(f"to {VALUE}", redact=breaks, about=VALUE)
    assert fields["message"] == WITHHELD
    assert VALUE not in json.dumps(fields)
    assert fields["level"] == "INFO"
    assert fields["location"].startswith("line:")


def test_a_message_that_cannot_be_put_together_prints_no_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    log, stream = logger_of(redact_line)
    log.error("two of %s and %s", VALUE)  # noqa: PLE1206  (the mistake that is tested)
    assert json.loads(stream.getvalue())["message"] == WITHHELD
    assert VALUE not in stream.getvalue() + capsys.readouterr().err


def test_with_a_failing_redactor_the_frames_of_an_error_are_still_told() -> None:
    log, stream = logger_of(breaks)
    try:
        fail_with(ValueError(VALUE))
    except ValueError:
        log.exception("to %s", VALUE)
    fields = json.loads(stream.getvalue())
    assert "fail_with" in fields["exception"]
    assert VALUE not in stream.getvalue()
