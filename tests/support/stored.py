"""Everything that a running stack stores, says and sends, each piece under the name that the inventory has for it.

Where the inventory has no name, the piece is under one that isn't there: ``output ...``.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import zstandard

from phivault.adapters.session_rows import row_of
from tests.support import leaks, processes
from tests.support.accounts import cognito
from tests.support.stack import RunningStack

type Piece = tuple[str, bytes]
OTHERS_LOGS = ("access.log", "gateway.log", "postgres.log")
"""What no function writes; these aren't there in the cloud."""
FILES = "output postgres/"
"""What PostgreSQL keeps on disk, of all columns together."""
LINE = re.compile(rb'\{"(?:action|kind)":[^{}]*\}')
"""A line of the audit log in whatever it stands in; it holds no braces."""


def everything(stack: RunningStack) -> Iterator[Piece]:
    yield from columns(stack)
    yield from rows(stack)
    yield from objects(stack)
    yield from accounts(stack)
    yield from messages(stack)
    yield from logs(stack)
    yield from output(stack)


@contextlib.contextmanager
def superuser(stack: RunningStack) -> Iterator[psycopg.Connection]:
    """The database as its operator sees it. Nobody kept the password, so the server is told to trust us meanwhile."""
    data = stack.folder / "postgres" / "data"
    rules, server = data / "pg_hba.conf", int((data / "postmaster.pid").read_text().split()[0])
    before = rules.read_text()
    rules.write_text("hostssl all postgres 127.0.0.1/32 trust\n" + before)
    try:
        os.kill(server, signal.SIGHUP)
        dsn = re.sub(r"//[^@]*@", "//postgres@", stack.facts["postgres_dsn"])
        with connected(dsn) as connection:
            yield connection
    finally:
        rules.write_text(before)
        os.kill(server, signal.SIGHUP)


def connected(dsn: str) -> psycopg.Connection:
    until = time.monotonic() + 60
    while True:  # the server reads its rules anew a moment after it was told to
        try:
            return psycopg.connect(dsn, autocommit=True)
        except psycopg.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


def table_rows(stack: RunningStack) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every row of every table that is no catalogue of PostgreSQL's, with the table's name."""
    with superuser(stack) as connection:
        tables = connection.execute(
            "SELECT schemaname || '.' || tablename FROM pg_tables"
            " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        for (table,) in tables:
            cursor = connection.execute(f"SELECT * FROM {table}")  # type: ignore[arg-type]  # a name just read
            names = [column.name for column in cursor.description or ()]
            for row in cursor.fetchall():
                yield table, dict(zip(names, row, strict=True))


def columns(stack: RunningStack) -> Iterator[Piece]:
    for table, row in table_rows(stack):
        for name, value in row.items():
            raw = value if isinstance(value, bytes) else json.dumps(value, default=str).encode()
            yield f"postgres {table} {name}", raw


def items(stack: RunningStack) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every item of every table of DynamoDB, with the name of its kind."""
    dynamodb = stack.aws("dynamodb")
    for table in dynamodb.list_tables()["TableNames"]:
        short = table.rpartition("-")[2]
        for page in dynamodb.get_paginator("scan").paginate(TableName=table):
            for item in page["Items"]:
                row = row_of(item)
                kind = {"AuditIndex": "event", "SubjectKeys": "key"}.get(short) or f"{row['pk']}/{row['sk']}"
                yield f"{short} {kind}", row


def rows(stack: RunningStack) -> Iterator[Piece]:
    for kind, row in items(stack):
        for name, value in row.items():
            for path, leaf in leaves(name, value):
                place = f"dynamodb {kind} {path}"
                yield from lines(place, leaf) if path == "line" else [(place, leaf)]


def leaves(name: str, value: Any) -> Iterator[Piece]:
    """Members of maps each by its path; lists as they are."""
    if isinstance(value, dict) and value:
        for member, inner in value.items():
            yield from leaves(f"{name}.{member}", inner)
    else:
        bare = getattr(value, "value", value)  # DynamoDB's Binary
        yield name, bytes(bare) if isinstance(bare, (bytes, bytearray)) else str(bare).encode()


def objects(stack: RunningStack) -> Iterator[Piece]:
    named = {value: name for name, value in stack.facts["settings"].items() if name.endswith("_BUCKET")}
    s3 = stack.aws("s3")
    for bucket in s3.list_buckets()["Buckets"]:
        setting = named.get(bucket["Name"], bucket["Name"]).removeprefix("PHIVAULT_").lower()
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket["Name"]):
            for version in page.get("Versions", ()):
                key = version["Key"]
                got = s3.get_object(Bucket=bucket["Name"], Key=key, VersionId=version["VersionId"])
                told = json.dumps([key, got["Metadata"], got["ResponseMetadata"]["HTTPHeaders"]]).encode()
                yield f"s3 {setting} {key}", told
                yield from lines(f"s3 {setting} {key}", plain(key, got["Body"].read()))


def plain(key: str, body: bytes) -> bytes:
    if key.endswith(".gz"):
        return gzip.decompress(body)
    if key.endswith(".zst"):
        with zstandard.ZstdDecompressor().stream_reader(io.BytesIO(body), read_across_frames=True) as stream:
            return stream.read()
    return body


def lines(place: str, body: bytes) -> Iterator[Piece]:
    """Lines of the audit log by their fields, and the rest under ``place``."""
    for found in LINE.finditer(body):
        members = json.loads(found[0])
        kind = "genesis" if members["kind"] == "genesis" else "event"
        for name, value in members.items():
            yield f"audit {kind} {name}", (value if isinstance(value, str) else json.dumps(value)).encode()
    yield place, LINE.sub(b"", body)


def accounts(stack: RunningStack) -> Iterator[Piece]:
    pages = cognito(stack).get_paginator("list_users").paginate(UserPoolId=stack.facts["cognito"]["user_pool_id"])
    for user in (user for page in pages for user in page["Users"]):
        yield "cognito user sub", user["Username"].encode()
        for attribute in user["Attributes"]:
            yield f"cognito user {attribute['Name']}", attribute["Value"].encode()


def messages(stack: RunningStack) -> Iterator[Piece]:
    for message in stack.anyone().get(stack.facts["outbox_url"]).json():
        if message["channel"] == "alert":
            for name, value in json.loads(message["code"]).items():
                yield f"alert sns {name}", str(value).encode()
        else:
            for name, value in (("to", message["to"]), ("text", message["code"]), ("purpose", message["purpose"])):
                yield f"message {message['channel']} {name}", str(value).encode()


def logs(stack: RunningStack) -> Iterator[Piece]:
    for path in (stack.folder / "logs").iterdir():
        yield from log_file(
            path, "log function" if path.name not in ("access.log", "gateway.log", "postgres.log") else ""
        )
    yield from log_file(stack.folder / "evidence" / "gateway" / "access.ndjson", "gateway-log request")
    group = stack.facts["settings"]["PHIVAULT_GATEWAY_LOG_GROUP"]
    for page in stack.aws("logs").get_paginator("filter_log_events").paginate(logGroupName=group):
        for event in page["events"]:
            yield from fields("gateway-log request", event["message"].encode())


def log_file(path: Path, group: str) -> Iterator[Piece]:
    for line in path.read_bytes().splitlines():
        yield from fields(group, line) if group and line.startswith(b"{") else [(f"output {path.name}", line)]


def fields(group: str, line: bytes) -> Iterator[Piece]:
    for name, value in json.loads(line).items():
        yield f"{group} {name}", str(value).encode()


def output(stack: RunningStack) -> Iterator[Piece]:
    yield "output stdout", stack.output.encode()
    yield "output demo.json", (stack.folder / "demo.json").read_bytes()
    for process in stack.run.family:
        yield "output command line", process.command.encode()
        with contextlib.suppress(OSError):  # gone meanwhile
            yield "output environment", (processes.PROC / str(process.pid) / "environ").read_bytes()
    for data, place in leaks.database_files(stack).items():
        yield f"output {place}", data
