"""The custom resource that brings the database to a release before any of its functions runs."""

from __future__ import annotations

import hashlib

from aws_cdk import CustomResource, Duration
from constructs import Construct

from infra.function import TableFunction
from infra.settings import Deployment
from phivault.adapters.postgres.migrate import FOLDER


class Migrations(Construct):
    """``context_keys`` are the wrapped keys of the tenant context: a ciphertext, so no secret, known at deployment."""

    def __init__(self, scope: Construct, settings: Deployment, function: TableFunction) -> None:
        super().__init__(scope, "Migrations")
        self.fingerprint = fingerprint(settings)
        resource = CustomResource(
            self,
            "Database",
            service_token=function.alias.function_arn,
            resource_type="Custom::PhivaultDatabase",
            service_timeout=Duration.seconds(function.row.timeout_seconds + 30),
            properties={"Release": self.fingerprint, "ContextKeyIds": list(settings.tenant_context_key_ids)},
        )
        self.context_keys = resource.get_att_string("ContextKeys")
        self.resource = resource


def fingerprint(settings: Deployment) -> str:
    """Changes when the custom resource has something to do: a migration, another set of context keys."""
    digest = hashlib.sha256(",".join(settings.tenant_context_key_ids).encode())
    for path in sorted(FOLDER.glob("*.sql")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]
