"""The schema of the table AccessState: sessions, lockouts, care teams, grants. Adapters share it."""

from __future__ import annotations

from typing import Any, Final

TABLE: Final[dict[str, Any]] = {
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
    "AttributeDefinitions": [
        {"AttributeName": "pk", "AttributeType": "S"},
        {"AttributeName": "sk", "AttributeType": "S"},
    ],
}
"""Arguments of DynamoDB CreateTable, without the name."""
