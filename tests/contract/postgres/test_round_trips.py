from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from psycopg.pq import Trace

from phivault.adapters.postgres import PostgresStore
from phivault.records.store import IdempotencyRecord, SealedVersion

Make = Callable[..., SealedVersion]


def messages(store: PostgresStore, log: Path, call: Callable[[], object]) -> list[str]:
    """The protocol messages that ``call`` exchanges: "F" to the server, "B" back."""
    pgconn = store._link._usable().pgconn
    with log.open("w") as file:
        pgconn.trace(file.fileno())
        pgconn.set_trace_flags(Trace.SUPPRESS_TIMESTAMPS)
        try:
            call()
        finally:
            pgconn.untrace()
    lines = [line.split("\t") for line in log.read_text(errors="replace").splitlines()]
    return [f"{line[0]} {line[2]}" for line in lines if line[0] in ("F", "B") and len(line) > 2]


def test_every_call_costs_one_round_trip(
    postgres_store: PostgresStore, tenant: str, version: Make, tmp_path: Path
) -> None:
    record = IdempotencyRecord("user", "key", b"h" * 32)
    writes = [version("Patient", "p", 1), version("Observation", "o", 1)]
    calls: list[Callable[[], object]] = [
        lambda: postgres_store.commit(tenant, writes, references=[("Patient", "p")], idempotency=record),
        lambda: postgres_store.read(tenant, "Patient", "p"),
        lambda: postgres_store.read_version(tenant, "Patient", "p", 1),
        lambda: postgres_store.search(tenant, "Patient", subject=None, ids=["p"], after="", limit=9, room=1),
        lambda: postgres_store.search(
            tenant, "Patient", subject=None, ids=None, after="", limit=9, room=1, shuffle=b"s" * 32
        ),
        lambda: postgres_store.of_subjects(tenant, "Patient", ["Patient/p", "Patient/q"]),
        lambda: postgres_store.owners_of(tenant, [("Patient", "p"), ("Observation", "o")]),
        lambda: postgres_store.find_idempotent(tenant, "user", "key"),
    ]
    for call in calls:
        seen = messages(postgres_store, tmp_path / "trace", call)
        assert seen.count("F Sync") == 1
        assert seen.count("B ReadyForQuery") == 1
        assert seen.count("F Execute") == 1
        # All that goes out goes out before anything comes back.
        assert [message[0] for message in seen] == sorted((message[0] for message in seen), reverse=True)
