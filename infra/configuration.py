"""``python -m infra.configuration``: writes docs/configuration.md from the typed settings. A test holds it current."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from pydantic_core import PydanticUndefined

from functions.table import TABLE
from infra.grants import LOCAL_ONLY
from infra.settings import PROFILES, Deployment
from phivault.settings import Settings

TARGET = Path(__file__).resolve().parent.parent / "docs" / "configuration.md"

INTRODUCTION = """\
# Configuration

Written by `python -m infra.configuration` from `infra/settings.py` and `layers/core/python/phivault/settings.py`; don't
edit it here.

## Settings of a deployment

They are CDK context: put them into `cdk.json` under `context`, or pass `-c name=value`. Lists are JSON
(`-c 'cors_origins=["https://app.example"]'`). What is missing, malformed or unknown is refused before anything is
synthesized, and so is whatever would weaken the profile `production`, each with its reason. Names that hold `/` or `:`
are CDK's own feature flags.

| setting | production | dev | what it is |
|---|---|---|---|
"""
SECRETS = """\

## Where secrets are

No environment variable and no template holds a key or a password.

| what | in the cloud | on the laptop (`make run`) |
|---|---|---|
| subject keys, which seal PHI | DynamoDB, wrapped by a KMS key; five minutes in memory | the same, on the local KMS |
| the key of the tenant context | made when the database is prepared; functions get a KMS ciphertext | the same |
| PostgreSQL, for functions | an IAM token of 15 minutes, made at each connect | a password drawn at each start |
| PostgreSQL's administrator | RDS makes and rotates it; only `migrate` may read it | a password drawn at each start |
| users' passwords and factors | Cognito | the local Cognito, in memory |

[The decision](adr/0015-no-secrets-in-environments.md) says why.

## Variables of the functions

Each function's row of `functions/table.py` names the ones it gets. The stacks set them; there is nothing to fill in.

| variable | functions | default |
|---|---|---|
"""


def render() -> str:
    return INTRODUCTION + "\n".join(_deployment()) + "\n" + SECRETS + "\n".join(_functions()) + "\n"


def _deployment() -> Iterator[str]:
    for name, field in Deployment.model_fields.items():
        production = "required" if field.default is PydanticUndefined else _shown(field.default)
        dev = _shown(PROFILES["dev"][name]) if name in PROFILES["dev"] else production
        choices = get_args(field.annotation)
        values = f" ({', '.join(map(str, choices))})" if choices and all(isinstance(c, str) for c in choices) else ""
        yield f"| `{name}` | {production} | {dev} | {field.description}{values} |"


def _functions() -> Iterator[str]:
    for name, field in Settings.model_fields.items():
        users = [row.name for row in TABLE if name in row.settings]
        used = "none: the laptop's alone" if name in LOCAL_ONLY else ", ".join(users)
        default = "required" if field.is_required() else _shown(field.get_default(call_default_factory=True))
        yield f"| `PHIVAULT_{name.upper()}` | {used} | {default} |"


def _shown(value: Any) -> str:
    if hasattr(value, "get_secret_value"):
        value = value.get_secret_value()
    return "empty" if value in ("", (), {}) else f"`{json.dumps(value)}`"


if __name__ == "__main__":
    TARGET.write_text(render(), "utf-8")
