"""Many rows by their keys, read consistently, in as few calls as can be.

AWS actions: dynamodb:BatchGetItem.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from itertools import batched
from typing import Any, Final

from phivault.adapters.aws import client, translated
from phivault.adapters.session_rows import Row, items, row_of
from phivault.errors import Unavailable

_MOST: Final = 100  # keys of one BatchGetItem
_TRIES: Final = 5
_FIRST_WAIT_SECONDS: Final = 0.025
_jitter = random.SystemRandom().random


def rows(table: str, keys: Sequence[Row], *, wait: Callable[[float], None] = time.sleep) -> list[Row]:
    """Those that exist, in no order. Raises Unavailable where DynamoDB doesn't answer for each: a row that it left out
    isn't one that is absent."""
    return [row for some in batched(keys, _MOST, strict=False) for row in _batch(table, some, wait)]


def _batch(table: str, keys: Sequence[Row], wait: Callable[[float], None]) -> list[Row]:
    found: list[Row] = []
    wanted: Any = [items(key) for key in keys]
    for attempt in range(_TRIES):
        if attempt:
            wait(_FIRST_WAIT_SECONDS * 2**attempt * _jitter())
        with translated("DynamoDB"):
            answer = client("dynamodb").batch_get_item(RequestItems={table: {"Keys": wanted, "ConsistentRead": True}})
        found += [row_of(item) for item in answer["Responses"].get(table, ())]
        left = answer.get("UnprocessedKeys", {}).get(table)
        if not left:
            return found
        wanted = list(left["Keys"])
    raise Unavailable("DynamoDB did not answer for every row")
