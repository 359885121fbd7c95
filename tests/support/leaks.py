"""Looking for known values where they mustn't be: as they are, and as bytes are usually written down."""

from __future__ import annotations

import base64
import contextlib
import json
import re
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

from tests.support import processes
from tests.support.stack import RunningStack

# Shorter byte strings turn up by chance in tens of megabytes of ciphertext and base64.
SHORTEST = 6
COMPRESSED = rb"\x1f\x8b\x08|\x28\xb5\x2f\xfd"  # gzip, zstd
GZIP = b"\x1f\x8b\x08"
ZEROS = re.compile(rb"\0{16,}")


class Leaks:
    """``planted`` values are looked for in every form of theirs; ``others``, which came the same way, as they are.
    Those under six bytes count only as words of a text."""

    def __init__(self, planted: Iterable[str], others: Iterable[str]) -> None:
        self._forms = {form: value for value in planted for form in forms(value)}
        plain, short = set(others), {value for value in others if len(value) < SHORTEST}
        self._forms |= {value.encode(): value for value in plain - short}
        text = "|".join(map(re.escape, sorted(short))) or r"(?!)"
        self._word = re.compile(rb"(?<![A-Za-z0-9+/_-])(" + text.encode() + rb")(?![A-Za-z0-9+/=_-])")

    def in_text(self, text: bytes) -> set[str]:
        """The values that it holds."""
        # Among compressed bytes, hashes and ciphertext a word of three letters stands by chance.
        plain, *members = unpacked(text)
        parts = (re.split(COMPRESSED, plain, maxsplit=1)[0], *members)
        lines = [line for part in parts for line in part.split(b"\n") if _is_text(line)]
        return self.in_bytes(text) | {found.decode() for line in lines for found in self._word.findall(line)}

    def in_bytes(self, data: bytes) -> set[str]:
        """The same for what isn't text. Long runs of zeros are skipped: databases are full of them."""
        dense = ZEROS.sub(b"\0", data)
        return {value for part in unpacked(dense) for form, value in self._forms.items() if form in part}


def _is_text(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def forms(value: str) -> set[bytes]:
    raw = value.encode()
    written = {value, quote(value), quote_plus(value), json.dumps(value)[1:-1], value.lower(), value.upper()}
    written |= {raw.hex(), raw.hex().upper()}
    return {text.encode() for text in written} | set(_in_base64(raw))


def _in_base64(raw: bytes) -> Iterator[bytes]:
    """What the encoding of any text around it has in common: it depends on where in a group of three it begins."""
    for before in range(3):
        whole = base64.b64encode(b"\0" * before + raw)
        first, last = -(-before * 8 // 6), (before + len(raw)) * 8 // 6
        if last - first >= SHORTEST:
            yield whole[first:last]
            yield whole[first:last].replace(b"+", b"-").replace(b"/", b"_")


def unpacked(data: bytes) -> Iterator[bytes]:
    """The data, and whatever gzip members it holds."""
    yield data
    at = data.find(GZIP)
    while at >= 0:
        with contextlib.suppress(zlib.error):
            yield zlib.decompressobj(wbits=31).decompress(data[at:])
        at = data.find(GZIP, at + 1)


def objects(stack: RunningStack) -> Iterator[tuple[str, bytes]]:
    """Every version of every object: key, metadata, body."""
    s3 = stack.aws("s3")
    for bucket in s3.list_buckets()["Buckets"]:
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket["Name"]):
            for version in page.get("Versions", ()):
                got = s3.get_object(Bucket=bucket["Name"], Key=version["Key"], VersionId=version["VersionId"])
                told = json.dumps([version["Key"], got["Metadata"], got["ResponseMetadata"]["HTTPHeaders"]])
                yield f"s3 {version['Key']}", told.encode() + b"\n" + got["Body"].read()


def rows(stack: RunningStack) -> Iterator[tuple[str, bytes]]:
    """Every item of every table."""
    dynamodb = stack.aws("dynamodb")
    for table in dynamodb.list_tables()["TableNames"]:
        for page in dynamodb.get_paginator("scan").paginate(TableName=table):
            for item in page["Items"]:
                yield f"dynamodb {table}", b"\n".join(_leaves(item))


def _leaves(value: Any) -> Iterator[bytes]:
    if isinstance(value, dict):
        for name, member in value.items():
            yield name.encode()
            yield from _leaves(member)
    elif isinstance(value, (list, set)):
        for member in value:
            yield from _leaves(member)
    else:
        yield value if isinstance(value, bytes) else str(value).encode()


def texts(stack: RunningStack, *more: Path) -> Iterator[tuple[str, bytes]]:
    """What was printed and logged, ``demo.json``, messages, and what processes show of themselves."""
    yield "output", stack.output.encode()
    yield "outbox", stack.anyone().get(stack.facts["outbox_url"]).content
    for path in (stack.folder / "demo.json", *(stack.folder / "logs").iterdir(), *more):
        yield str(path.name), path.read_bytes()
    for process in stack.run.family:
        yield "command line", process.command.encode()
        with contextlib.suppress(OSError):  # gone meanwhile
            yield "environment", (processes.PROC / str(process.pid) / "environ").read_bytes()


def database_files(stack: RunningStack) -> dict[bytes, str]:
    """Tables, indexes, the write-ahead log and whatever else stands in the data folder: what they hold, and where; one
    place for many, where the databases that PostgreSQL brings along are alike."""
    held = {}
    for path in (stack.folder / "postgres").rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # the server recycles files
            if path.is_file():
                held[path.read_bytes()] = str(path.relative_to(stack.folder))
    return held
