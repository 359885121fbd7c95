"""Where the local DynamoDB is slower than DynamoDB, or says more.

Queries look at their own partition alone: moto sorts every item of the table for each, so that a few thousand audit
events would be too many to search. A write that changes nothing makes no record of the stream, as DynamoDB documents
it: who watches the stream for changed rows would be told of one.
"""

from __future__ import annotations

import inspect
from contextvars import ContextVar
from typing import Any

from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.dynamodb.models.table import StreamShard, Table

_SIGNATURE = inspect.signature(Table.query)
_moto_query, _moto_all_items, _moto_add = Table.query, Table.all_items, StreamShard.add
_asked: ContextVar[DynamoType | None] = ContextVar("asked")
"""The partition that the query which moto is working on asks for; None where it asks an index."""


def install() -> None:
    """Make moto's queries find their items here. What is found, it still compares, sorts and pages itself. Keep
    its streams silent about what didn't change."""
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
