"""Logs as JSON lines without PHI: a traceback shows frames and the error's type, never its message.

An exception's text may carry the value that broke something (pydantic, drivers and parsers quote their input), so
only our own errors, whose text is written without values, keep theirs. Whatever else a line says passes a redactor,
the second net: a message that somebody wrote with a value in it, a library's, an ``extra``.
"""

from __future__ import annotations

import copy
import json
import logging
import re
import traceback
from collections.abc import Callable
from typing import Any

from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

from phivault.errors import PhivaultError

type Redactor = Callable[[str], str]

WITHHELD = "withheld: the line could not be redacted"
_OURS = frozenset({"timestamp", "level", "service", "xray_trace_id"})
"""Fields that no caller's value gets into."""
_PLACES = frozenset({"location", "exception"})
"""Frames of the code: of the rest of them, a line at a time, what isn't one is redacted."""
_ID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_NAME = re.compile(r"[a-z_]{1,40}")
_FRAME = re.compile(r"[\w./<>~ -]{1,400}:\d{1,9}(?: [\w<>]{1,200})?")


class ScrubbingFormatter(LambdaPowertoolsFormatter):
    """The JSON formatter of Powertools, with exceptions reduced to what can't hold a value (its own account of one
    quotes the message and the notes) and every other text redacted. Where ``redact`` fails, the line says that it was
    withheld, when, by what and where: it is neither lost nor let through."""

    def __init__(self, redact: Redactor, **options: Any) -> None:
        super().__init__(**options)
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        bare = copy.copy(record)  # other handlers may get it too
        bare.exc_info = bare.exc_text = None
        if record.exc_info and record.exc_info[1] is not None:
            bare.exception = "\n".join(scrub(record.exc_info[1]))
        try:
            return super().format(bare)
        except Exception:  # noqa: BLE001  # the standard handler would print the message and its arguments instead
            return self._withheld(bare)

    def serialize(self, log: Any) -> str:
        """The line's fields as JSON, redacted."""
        fields = {
            self._unless(_NAME, str(name)): value if name in _OURS else self._field(name, value)
            for name, value in log.items()
        }
        return json.dumps(fields, separators=(",", ":"), ensure_ascii=False)

    def _withheld(self, record: logging.LogRecord) -> str:
        record.asctime = self.formatTime(record, self.datefmt)
        frames = [line for line in getattr(record, "exception", "").splitlines() if _FRAME.fullmatch(line)]
        fields = {"timestamp": record.asctime, "level": record.levelname, "message": WITHHELD}
        fields |= {"location": f"{record.funcName}:{record.lineno}", "exception": "\n".join(frames)}
        return json.dumps({name: value for name, value in fields.items() if value}, separators=(",", ":"))

    def _field(self, name: str, value: object) -> object:
        if name in _PLACES and isinstance(value, str):
            return "\n".join(self._unless(_FRAME, line) for line in value.splitlines())
        return self._clean(value)

    def _clean(self, value: object) -> object:
        """``value`` as JSON can hold it; what it can't is its text."""
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, dict):
            return {self._redact(str(name)): self._clean(part) for name, part in value.items()}
        if isinstance(value, (list, tuple, set, frozenset)):
            return [self._clean(part) for part in value]
        text = self._unless(_ID, str(value))
        return value if isinstance(value, (int, float)) and text == str(value) else text

    def _unless(self, form: re.Pattern[str], text: str) -> str:
        return text if form.fullmatch(text) else self._redact(text)


def scrub(error: BaseException) -> list[str]:
    """One line for each frame and error of the chain, innermost cause first."""
    earlier = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    lines = scrub(earlier) if earlier is not None else []
    lines += [f"{f.filename}:{f.lineno} {f.name}" for f in traceback.extract_tb(error.__traceback__)]
    text = f": {error.detail}" if isinstance(error, PhivaultError) else ""
    return [*lines, f"{type(error).__module__}.{type(error).__qualname__}{text}"]


def configure(service: str, redact: Redactor) -> None:
    """Send every logger of this process through the scrubbing formatter to standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(ScrubbingFormatter(redact, log_record_order=["timestamp", "level"], service=service, utc=True))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for noisy in ("botocore", "boto3", "urllib3", "aws_encryption_sdk", "aws_lambda_powertools"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
