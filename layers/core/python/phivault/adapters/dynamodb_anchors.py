"""Versions of resources in the table AccessState.

Rows: ``T#<tenant>#R#<id>`` / ``VERSION#<type>`` with ``version``, the newest that is known to be committed. By the
resource, not by its patient: of a row that is gone nobody knows whose it was.

AWS actions: dynamodb:BatchGetItem (load), dynamodb:UpdateItem (advance).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import Final

from botocore.exceptions import ClientError

from phivault.adapters import batch_get
from phivault.adapters.aws import client, translated
from phivault.adapters.session_rows import Row, items
from phivault.records.anchors import Resource

_PREFIX: Final = "VERSION#"
_ID: Final = re.compile(r"[A-Za-z0-9.\-]{1,64}")
_AT_ONCE: Final = 8


class DynamoAnchors:
    """Fills Anchors of phivault.records. Beside the caller's own work: a look costs a thread and no waiting of its
    own."""

    def __init__(self, table: str) -> None:
        self._table = table

    def load(self, tenant: str, resources: Collection[Resource]) -> Callable[[], Mapping[Resource, int]]:
        keys = [_key(tenant, resource) for resource in dict.fromkeys(resources) if _ID.fullmatch(resource[1])]
        if not keys:
            return dict[Resource, int]
        found = _threads().submit(batch_get.rows, self._table, keys)
        return lambda: {_resource(row): int(row["version"]) for row in found.result()}

    def advance(self, tenant: str, versions: Mapping[Resource, int]) -> None:
        if len(versions) == 1:
            [(resource, version)] = versions.items()
            self._note(tenant, resource, version)
            return
        note = partial(self._note, tenant)
        for _ in _threads().map(note, versions.keys(), versions.values()):
            pass

    def _note(self, tenant: str, resource: Resource, version: int) -> None:
        try:
            with translated("DynamoDB", "ConditionalCheckFailedException"):
                client("dynamodb").update_item(
                    TableName=self._table,
                    Key=items(_key(tenant, resource)),
                    UpdateExpression="SET version = :version",
                    ConditionExpression="attribute_not_exists(version) OR version < :version",
                    ExpressionAttributeValues=items({":version": version}),
                )
        except ClientError:
            return  # the version after this one was noted first


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="anchors")


os.register_at_fork(after_in_child=_threads.cache_clear)  # a child has none of its parent's threads


def _key(tenant: str, resource: Resource) -> Row:
    kind, id = resource
    return {"pk": f"T#{tenant}#R#{id}", "sk": _PREFIX + kind}


def _resource(row: Row) -> Resource:
    return row["sk"].removeprefix(_PREFIX), row["pk"].rpartition("#")[2]
