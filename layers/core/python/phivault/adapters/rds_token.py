"""Signing in to PostgreSQL on RDS with an IAM token instead of a password.

Needs rds-db:connect on the database user. No call is made: a token is a presigned request, good for 15 minutes.
https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/UsingWithRDS.IAMDBAuth.Connecting.html
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import botocore.session
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from psycopg.conninfo import make_conninfo

from phivault.errors import Unavailable

CA_FILE: Final = Path(__file__).with_name("rds_ca.pem")
"""The roots ``Amazon RDS <region> Root CA RSA2048 G1``, which no system trusts by itself."""
PORT: Final = 5432
_LIFE_SECONDS = 900


def token_dsn(host: str, user: str, database: str, port: int = PORT) -> Callable[[], str]:
    """What ``phivault.adapters.postgres`` asks for at each connect: a DSN with a fresh token. Raises Unavailable."""
    return lambda: dsn(host, user, database, token(host, user, port), port)


def dsn(host: str, user: str, database: str, password: str, port: int = PORT) -> str:
    """A libpq connection string that trusts the server of this name alone, on a certificate of RDS."""
    return make_conninfo(
        host=host,
        port=port,
        user=user,
        dbname=database,
        password=password,
        sslmode="verify-full",
        sslrootcert=str(CA_FILE),
    )


def token(host: str, user: str, port: int = PORT) -> str:
    """The password of the next 15 minutes, as boto3's ``generate_db_auth_token`` makes it, without the 2 MB
    description of RDS that a boto3 client would load."""
    session = botocore.session.get_session()
    credentials: Credentials | None = session.get_credentials()
    if credentials is None:
        raise Unavailable("There are no AWS credentials to sign in to PostgreSQL with")
    request = AWSRequest("GET", f"https://{host}:{port}/", params={"Action": "connect", "DBUser": user})
    region = os.environ.get("AWS_REGION") or session.get_config_variable("region")
    SigV4QueryAuth(credentials, "rds-db", region, expires=_LIFE_SECONDS).add_auth(request)
    prepared: str = request.prepare().url
    return prepared.removeprefix("https://")
