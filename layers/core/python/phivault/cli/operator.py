"""Who operators' commands act as: with ``.local/demo.json`` the local stack's key, elsewhere the AWS profile.

In an account the settings (``PHIVAULT_AUDIT_BUCKET`` ...) come from the environment, as functions have them.
"""

from __future__ import annotations

import os

import typer
from pydantic import ValidationError

from phivault.adapters.aws import caller
from phivault.cli.local_stack import found
from phivault.settings import settings


def act(*needed: str) -> str:
    """Set the environment up for adapters, and answer the operator's id as CloudTrail knows it. ``needed`` are settings
    without which the command can't work; exit status 2 where one is missing."""
    stack = found()
    if stack is not None:
        os.environ.update(stack["settings"])
        os.environ.update(
            {
                "AWS_ENDPOINT_URL": stack["aws_endpoint_url"],
                "AWS_ENDPOINT_URL_S3": stack["aws_endpoint_url_s3"],
                "AWS_ENDPOINT_URL_LAMBDA": stack["aws_endpoint_url_lambda"],
                "AWS_ENDPOINT_URL_SESV2": stack["aws_endpoint_url_messages"],
                "AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER": stack["cognito"]["endpoint_url"],
                "PHIVAULT_USER_POOL_ID": stack["cognito"]["user_pool_id"],
                "AWS_ACCESS_KEY_ID": stack["aws_access_key_id"],
                "AWS_SECRET_ACCESS_KEY": stack["aws_secret_access_key"],
                "AWS_REGION": stack["region"],
            }
        )
    try:
        missing = [f"PHIVAULT_{name.upper()}" for name in needed if not getattr(settings(), name)]
    except ValidationError:
        missing = ["PHIVAULT_PROFILE"]
    if missing:
        typer.echo(f"No local stack is ready here, and the environment lacks {', '.join(missing)}", err=True)
        raise typer.Exit(2)
    return caller()
