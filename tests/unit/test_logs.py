"""No log line repeats what an exception quotes."""

from __future__ import annotations

import io
import json
import logging

import pytest

from phivault.errors import NotFound
from phivault.logs import ScrubbingFormatter

VALUE = "Zyxwvuts"


def fail_with(error: BaseException) -> None:
    raise error


@pytest.fixture
def logged():
    """``logged(error)`` raises and logs it as any library would; answers the line."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(ScrubbingFormatter(service="test", utc=True))
    log = logging.Logger("test")
    log.addHandler(handler)

    def line(error: BaseException, message: str = "it failed") -> str:
        try:
            fail_with(error)
        except BaseException:
            log.exception(message)
        return stream.getvalue()

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
