"""Clients of AWS services, and the one translation of their errors."""

from __future__ import annotations

import os
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, overload

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from phivault.errors import Unavailable

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp import CognitoIdentityProviderClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodbstreams import DynamoDBStreamsClient
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sns import SNSClient

_clients: dict[tuple[str, float, int], Any] = {}
_making = threading.Lock()


@overload
def client(
    service: Literal["cognito-idp"], *, read_timeout: float = ..., attempts: int = ...
) -> CognitoIdentityProviderClient: ...
@overload
def client(service: Literal["dynamodb"], *, read_timeout: float = ..., attempts: int = ...) -> DynamoDBClient: ...
@overload
def client(
    service: Literal["dynamodbstreams"], *, read_timeout: float = ..., attempts: int = ...
) -> DynamoDBStreamsClient: ...
@overload
def client(service: Literal["kms"], *, read_timeout: float = ..., attempts: int = ...) -> KMSClient: ...
@overload
def client(service: Literal["lambda"], *, read_timeout: float = ..., attempts: int = ...) -> LambdaClient: ...
@overload
def client(service: Literal["s3"], *, read_timeout: float = ..., attempts: int = ...) -> S3Client: ...
@overload
def client(
    service: Literal["secretsmanager"], *, read_timeout: float = ..., attempts: int = ...
) -> SecretsManagerClient: ...
@overload
def client(service: Literal["sns"], *, read_timeout: float = ..., attempts: int = ...) -> SNSClient: ...
@overload
def client(service: str, *, read_timeout: float = ..., attempts: int = ...) -> Any: ...
def client(service: str, *, read_timeout: float = 3.0, attempts: int = 2) -> Any:
    """The process's boto3 client for ``service``, made once. Time-outs are in seconds.

    Region, credentials and endpoints come from the environment as botocore documents (``AWS_REGION``,
    ``AWS_ENDPOINT_URL``, ``AWS_ENDPOINT_URL_S3``). No call takes longer than about ``attempts`` times the
    time-outs. An encrypted connection below TLS 1.3 is refused.
    """
    key = (service, read_timeout, attempts)
    with _making:  # a boto3 session isn't safe to use from two threads; the clients it makes are
        if key not in _clients:
            _clients[key] = _make(service, read_timeout, attempts)
        return _clients[key]


def forget_clients() -> None:
    """Make new clients from now on: the environment changed, or this is a fork's child, which shares its
    parent's connections and perhaps a held lock."""
    global _clients, _making
    _clients, _making = {}, threading.Lock()


os.register_at_fork(after_in_child=forget_clients)


def _make(service: str, read_timeout: float, attempts: int) -> Any:
    config = Config(
        connect_timeout=1.0,
        read_timeout=read_timeout,
        retries={"mode": "standard", "total_max_attempts": attempts},
        tcp_keepalive=True,
        max_pool_connections=16,
        # Without a word, URLs are signed in the old way in some regions.
        signature_version="s3v4" if service == "s3" else None,
    )
    session: Any = boto3.session.Session(region_name=_region())  # its stubs know each service by name alone
    made = session.client(service, config=config)
    _require_tls13(made)
    return made


def _region() -> str | None:
    # botocore itself reads AWS_DEFAULT_REGION; Lambda sets both, a shell often only this one.
    return os.environ.get("AWS_REGION") or None


def _require_tls13(made: Any) -> None:
    # botocore has no option for the minimum version. Its connection pool keeps the context that it will use;
    # a botocore that moves it makes every client fail here instead of falling back unseen.
    context = made._endpoint.http_session._manager.connection_pool_kw["ssl_context"]  # noqa: SLF001  (no public way)
    context.minimum_version = ssl.TLSVersion.TLSv1_3


def caller() -> str:
    """The id of the credentials in use, as CloudTrail shows it (``accessKeyId``): no secret, and never a name."""
    credentials = boto3.session.Session().get_credentials()
    if credentials is None:
        raise Unavailable("There are no AWS credentials here")
    return str(credentials.access_key)


def error_code(error: ClientError) -> str:
    """The service's name for what went wrong, such as ``ConditionalCheckFailedException``."""
    return str(error.response.get("Error", {}).get("Code", "Unknown"))


@contextmanager
def translated(service: str, *expected: str) -> Iterator[None]:
    """Turn every failure of AWS calls inside into Unavailable, naming service and error code, never a value.

    A ClientError whose code is among ``expected`` passes, for the caller to interpret.
    """
    try:
        yield
    except ClientError as error:
        code = error_code(error)
        if code in expected:
            raise
        raise Unavailable(f"{service} refused: {_word(code)}") from None
    except BotoCoreError as error:
        raise Unavailable(f"{service} did not answer: {type(error).__name__}") from None


def _word(code: str) -> str:
    # The code comes from the network; only something shaped like a code is repeated.
    return code if code.isascii() and code.replace(".", "").isalnum() and len(code) <= 64 else "unknown error"
