"""The password of the database's administrator, which RDS made, keeps in Secrets Manager and rotates.

Needs secretsmanager:GetSecretValue. Only what prepares the database reads it; everything else has an IAM token.
"""

from __future__ import annotations

import json

from phivault.adapters.aws import client, translated
from phivault.adapters.rds_token import dsn
from phivault.errors import Unavailable

_DATABASE = "postgres"  # the one that exists before ours does


def master_dsn(host: str, secret_arn: str) -> str:
    """The administrator's connection string. Raises Unavailable."""
    with translated("Secrets Manager"):
        text = client("secretsmanager").get_secret_value(SecretId=secret_arn)["SecretString"]
    try:
        secret = json.loads(text)
        return dsn(host, secret["username"], _DATABASE, secret["password"])
    except (ValueError, KeyError, TypeError):
        raise Unavailable("The secret of the database's administrator can't be read") from None
