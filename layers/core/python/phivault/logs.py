"""Logs as JSON lines without PHI: a traceback shows frames and the error's type, never its message.

An exception's text may carry the value that broke something (pydantic, drivers and parsers quote their input), so
only our own errors, whose text is written without values, keep theirs.
"""

from __future__ import annotations

import copy
import logging
import traceback

from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

from phivault.errors import PhivaultError


class ScrubbingFormatter(LambdaPowertoolsFormatter):
    """The JSON formatter of Powertools, with exceptions reduced to what can't hold a value: its own account of one
    quotes the message and the notes."""

    def format(self, record: logging.LogRecord) -> str:
        bare = copy.copy(record)  # other handlers may get it too
        bare.exc_info = bare.exc_text = None
        if record.exc_info and record.exc_info[1] is not None:
            bare.exception = "\n".join(scrub(record.exc_info[1]))
        return super().format(bare)


def scrub(error: BaseException) -> list[str]:
    """One line for each frame and error of the chain, innermost cause first."""
    earlier = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    lines = scrub(earlier) if earlier is not None else []
    lines += [f"{f.filename}:{f.lineno} {f.name}" for f in traceback.extract_tb(error.__traceback__)]
    text = f": {error.detail}" if isinstance(error, PhivaultError) else ""
    return [*lines, f"{type(error).__module__}.{type(error).__qualname__}{text}"]


def configure(service: str) -> None:
    """Send every logger of this process through the scrubbing formatter to standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(ScrubbingFormatter(log_record_order=["timestamp", "level"], service=service, utc=True))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for noisy in ("botocore", "boto3", "urllib3", "aws_encryption_sdk", "aws_lambda_powertools"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
