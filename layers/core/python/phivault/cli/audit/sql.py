"""``phivault audit sql``: questions to an export, answered on this machine."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import duckdb
import typer
from rich.console import Console
from rich.table import Table

from phivault.audit.projections.columns import LINE, PERSONAL, select
from phivault.cli.audit.folder import Folder
from phivault.cli.audit.whole import lines_of
from phivault.errors import InvalidInput, PhivaultError

type Rows = tuple[Sequence[str], Iterator[Sequence[Any]]]

_MEMORY = "4GB"
_BATCH = 10_000
_SHOWN = 10_000
"""Rows of a table, whose widths all of them decide; CSV and JSON are written as they come."""
_LARGEST_LINE = 16_384
"""Bytes of a line, and more than any has."""
_CLOSED = (
    "SET enable_external_access = false",
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
    "SET python_enable_replacements = false",
    "SET lock_configuration = true",
)


def sql(
    export: Annotated[Path, typer.Argument(help="The folder of an export.")],
    query: Annotated[str, typer.Argument(help="SQL on the table audit_logs.")],
    open: Annotated[Path | None, typer.Option(help="The opened personal fields of this export.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write a JSON list of rows.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Write CSV with a header.")] = False,
) -> None:
    """Ask an export in SQL (DuckDB, in memory, without network or any other file).

    The files are checked against the manifest; whether the log is true, phivault audit verify says. Exit status 0, or
    2 for a query or an export that can't be used.
    """
    try:
        show: Callable[[Rows], None] = _json if as_json else _csv if as_csv else _table
        show(_answer(_loaded(export, open), query))
    except PhivaultError as error:
        typer.echo(error.detail or error.title, err=True)
        raise typer.Exit(2) from None


def _loaded(export: Path, personal: Path | None) -> duckdb.DuckDBPyConnection:
    """A database with ``audit_logs`` alone, closed to everything outside. Raises InvalidInput, IntegrityError."""
    paths = lines_of(Folder(export))
    found = duckdb.connect(":memory:", config={"memory_limit": _MEMORY, "temp_directory": ""})
    try:
        _read(found, "lines", [str(export / path) for path in paths], {name: types[0] for name, types in LINE.items()})
        if personal is not None:
            _read(found, "opened", [str(personal)], dict.fromkeys(("id", *PERSONAL), "VARCHAR"))
        found.execute("CREATE TABLE audit_logs AS " + select("lines", opened="opened" if personal else ""))
        for table in ("lines", "opened"):
            found.execute(f"DROP TABLE IF EXISTS {table}")
    except duckdb.Error as error:
        raise InvalidInput(f"The export can't be read: {_first_line(error)}") from None
    for statement in _CLOSED:
        found.execute(statement)
    return found


def _read(found: duckdb.DuckDBPyConnection, table: str, files: list[str], columns: dict[str, str]) -> None:
    # Types are given, never guessed: a guess would depend on the lines.
    typed = ", ".join(f"'{name}': '{kind}'" for name, kind in columns.items())
    # The names are ours; what an auditor brings, the files, is a parameter.
    found.execute(
        f"CREATE TABLE {table} AS SELECT * FROM read_json($files, format = 'newline_delimited', compression = 'zstd', "  # noqa: S608  # nosec B608
        f"columns = {{{typed}}}, maximum_object_size = {_LARGEST_LINE})",
        {"files": files},
    )


def _answer(found: duckdb.DuckDBPyConnection, query: str) -> Rows:
    try:
        asked: duckdb.DuckDBPyConnection | None = found.execute(query)
        if asked is None:  # which DuckDB's types don't say
            raise InvalidInput("There is no query")
        return [column[0] for column in asked.description or ()], _fetched(asked)
    except duckdb.Error as error:
        raise InvalidInput(_first_line(error)) from None


def _fetched(asked: duckdb.DuckDBPyConnection) -> Iterator[Sequence[Any]]:
    """A batch at a time: an answer may be larger than memory. Raises InvalidInput where the query fails only now."""
    try:
        while batch := asked.fetchmany(_BATCH):
            yield from batch
    except duckdb.Error as error:
        raise InvalidInput(_first_line(error)) from None


def _json(rows: Rows) -> None:
    names, values = rows
    before = "["
    for row in values:
        typer.echo(before + json.dumps(dict(zip(names, map(_plain, row), strict=True)), default=str), nl=False)
        before = ", "
    typer.echo("]" if before == ", " else "[]")


def _csv(rows: Rows) -> None:
    names, values = rows
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([_plain(value) for value in row] for row in values)


def _table(rows: Rows) -> None:
    names, values = rows
    table = Table()
    for name in names:
        table.add_column(_printable(name), overflow="fold")
    for number, row in enumerate(values):
        if number == _SHOWN:
            raise InvalidInput(f"The answer has more than {_SHOWN} rows: write it as CSV (--csv), or limit it")
        table.add_row(*(_printable(str(_plain(value))) if value is not None else "" for value in row))
    Console(highlight=False, markup=False).print(table)


def _plain(value: Any) -> Any:
    """Times as the log writes them."""
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds") + "Z"
    return value.isoformat() if isinstance(value, date) else value


def _printable(text: str) -> str:
    """What somebody sent as their user agent mustn't move a terminal's cursor."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


def _first_line(error: Exception) -> str:
    return _printable(str(error).partition("\n")[0])
