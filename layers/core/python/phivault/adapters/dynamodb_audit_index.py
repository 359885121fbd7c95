"""The audit index: a rebuildable projection of the log, for search."""

from __future__ import annotations

from typing import Any, Final


def _index(name: str, letter: str) -> dict[str, Any]:
    return {
        "IndexName": name,
        "KeySchema": [
            {"AttributeName": f"{letter}pk", "KeyType": "HASH"},
            {"AttributeName": "at", "KeyType": "RANGE"},
        ],
        "Projection": {"ProjectionType": "ALL"},
    }


TABLE: Final[dict[str, Any]] = {
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "at", "KeyType": "RANGE"}],
    "AttributeDefinitions": [
        {"AttributeName": name, "AttributeType": "S"} for name in ("pk", "at", "ppk", "upk", "cpk")
    ],
    "GlobalSecondaryIndexes": [_index("patient", "p"), _index("user", "u"), _index("critical", "c")],
    "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
}
"""Arguments of DynamoDB CreateTable, without the name. ``pk`` is ``T#tenant#day#shard`` and ``at`` is
``timestamp#id``. Sparse: ``ppk`` is ``P#tenant#patient``, ``upk`` is ``U#tenant#user#month`` and ``cpk`` is
``CRIT#tenant#month`` (HIGH and CRITICAL alone)."""
