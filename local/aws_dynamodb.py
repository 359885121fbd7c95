"""Where the local DynamoDB is slower than DynamoDB, or says more.

Queries look at their own partition alone: moto sorts every item of the table for each, so that a few thousand audit
events would be too many to search. So it is with transactions: moto copies the whole table once for each of their
changes, to put it back where they fail. A write that changes nothing makes no record of the stream, as DynamoDB
documents it: who watches the stream for changed rows would be told of one. A transaction that comes again under its
token, since its answer got lost, is done once, as DynamoDB documents it for ten minutes.
"""

from __future__ import annotations

import copy
import inspect
import time
from contextvars import ContextVar
from typing import Any

from moto.core.responses import ActionResult
from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.dynamodb.models.table import StreamShard, Table
from moto.dynamodb.responses import DynamoHandler

_SIGNATURE = inspect.signature(Table.query)
_moto_query, _moto_all_items, _moto_add = Table.query, Table.all_items, StreamShard.add
_moto_transact = DynamoHandler.transact_write_items
_TOKEN_SECONDS = 600.0
_done: dict[str, float] = {}
"""When each transaction that was done ends to be known by its token, the oldest first."""
_asked: ContextVar[DynamoType | None] = ContextVar("asked")
"""The partition that the query which moto is working on asks for; None where it asks an index."""
_changes: ContextVar[list[dict[str, Any]]] = ContextVar("changes")
"""Those of the transaction which moto is working on."""


def install() -> None:
    """Make moto's queries find their items here. What is found, it still compares, sorts and pages itself. Keep
    its streams silent about what didn't change, and do a transaction once."""
    Table.__deepcopy__ = _as_it_was  # type: ignore[attr-defined]  # moto has none: it takes copy's own
    DynamoHandler.transact_write_items = _transact  # type: ignore[method-assign, assignment]  # as below
    StreamShard.add = _add  # type: ignore[method-assign, assignment]  # moto has no hook for it
    Table.query = _query  # type: ignore[method-assign, assignment]  # moto has no hook for it
    Table.all_items = _all_items  # type: ignore[method-assign, assignment]  # as above


def _query(table: Table, *arguments: Any, **named: Any) -> Any:
    given = _SIGNATURE.bind(table, *arguments, **named).arguments
    token = _asked.set(None if given.get("index_name") else given["hash_key"])
    try:
        return _moto_query(table, *arguments, **named)
    finally:
        _asked.reset(token)


def _all_items(table: Table) -> list[Item]:
    try:
        asked = _asked.get()
    except LookupError:  # a scan, whose pages go by moto's own order
        return _moto_all_items(table)
    if not table.range_key_attr:
        return _moto_all_items(table)
    if asked is None:
        return [item for partition in table.items.values() for item in partition.values()]
    return list(table.items[asked].values()) if asked in table.items else []


def _add(shard: StreamShard, old: Item | None, new: Item | None) -> None:
    if old is None or new is None or old.attrs != new.attrs:
        _moto_add(shard, old, new)


def _transact(handler: DynamoHandler) -> ActionResult:
    """(DynamoDB also refuses a known token with other changes. The SDK draws a token for each call.)"""
    token, now = handler.body.get("ClientRequestToken"), time.monotonic()
    while _done and next(iter(_done.values())) < now:
        del _done[next(iter(_done))]
    if token in _done:
        return ActionResult({})
    changes = _changes.set([change for item in handler.body["TransactItems"] for change in item.values()])
    try:
        answer = _moto_transact(handler)
    finally:
        _changes.reset(changes)
    if token is not None:
        _done[token] = now + _TOKEN_SECONDS
    return answer


def _as_it_was(table: Table, _: dict[int, Any]) -> Table:
    """What moto puts back: a copy of the partitions that the transaction changes, beside the others themselves."""
    kept = copy.copy(table)
    kept.items = copy.copy(table.items)
    for change in _changes.get():
        if change["TableName"] == table.name:
            changed = DynamoType((change.get("Item") or change["Key"])[table.hash_key_attr])
            if changed in table.items:
                kept.items[changed] = copy.deepcopy(table.items[changed])
    if table.stream_shard is not None:
        kept.stream_shard = copy.copy(table.stream_shard)
        kept.stream_shard.table, kept.stream_shard.items = kept, list(table.stream_shard.items)
    return kept
