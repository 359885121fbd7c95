"""Changes of several rows of AccessState that happen together or not at all.

AWS actions: those of the changes (dynamodb:PutItem, UpdateItem, DeleteItem).
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from botocore.exceptions import ClientError

from phivault.adapters.aws import client, translated
from phivault.errors import Conflict, Unavailable

_CANCELED: Final = "TransactionCanceledException"
_TRIES: Final = 6
_FIRST_WAIT_SECONDS: Final = 0.025
_jitter = random.SystemRandom().random


def together(changes: Sequence[Any], told: str, *, wait: Callable[[float], None] = time.sleep) -> None:
    """Raises Conflict with ``told`` where a condition of one of the changes doesn't hold, Unavailable otherwise."""
    for attempt in range(_TRIES):
        if attempt:
            wait(_FIRST_WAIT_SECONDS * 2**attempt * _jitter())
        reasons = _try(changes)
        if "ConditionalCheckFailed" in reasons:
            raise Conflict(told)
        if not reasons:
            return
        if reasons != {"TransactionConflict"}:  # another transaction at work on these rows passes; nothing else does
            break
    raise Unavailable("DynamoDB refused a transaction")


def _try(changes: Sequence[Any]) -> set[str]:
    """Why it was cancelled; nothing where it is done."""
    try:
        with translated("DynamoDB", _CANCELED):
            client("dynamodb").transact_write_items(TransactItems=list(changes))
    except ClientError as error:
        reasons = {str(one.get("Code", "None")) for one in error.response.get("CancellationReasons", ())}
        return (reasons - {"None"}) or {"unknown"}
    return set()
