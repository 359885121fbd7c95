"""Bucket policies on the local S3. moto evaluates a policy without its conditions and takes every PUT for
PutObject; this evaluates Deny statements with what the request says. Nothing else denies here, so Allow
statements change nothing.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import parse_qs

from moto.iam.access_control import PermissionResult
from moto.s3.models import FakeBucket

request: ContextVar[Mapping[str, Any]] = ContextVar("request")
"""The WSGI environment of the call that moto is working on."""

_SUBRESOURCES = {
    "retention": "Retention",
    "legal-hold": "LegalHold",
    "tagging": "Tagging",
    "acl": "Acl",
}
_VERSIONED = frozenset({"s3:GetObject", "s3:DeleteObject"})


def install() -> None:
    """Make moto ask here."""
    FakeBucket.get_permission = _permission  # type: ignore[method-assign, assignment]  # moto has no hook for it


def _permission(bucket: FakeBucket, action: str, resource: str) -> PermissionResult:
    if bucket.policy is None:
        return PermissionResult.NEUTRAL
    environ = request.get()
    actions = _actions(action, environ)
    context = _context(environ)
    denied = any(
        statement["Effect"] == "Deny"
        and any(_matches(statement["Action"], each) for each in actions)
        and _matches(statement["Resource"], resource)
        and _holds(statement.get("Condition", {}), context)
        for statement in json.loads(bucket.policy)["Statement"]
    )
    return PermissionResult.DENIED if denied else PermissionResult.NEUTRAL


def _actions(named_by_moto: str, environ: Mapping[str, Any]) -> list[str]:
    """Every action that the request needs, by its method and query."""
    query = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    action = {"s3:PostObject": "s3:PutObject", "s3:HeadObject": "s3:GetObject"}.get(named_by_moto, named_by_moto)
    for name, suffix in _SUBRESOURCES.items():
        if name in query:
            action += suffix
    if "versionId" in query and action in _VERSIONED:
        action += "Version"
    bypass = environ.get("HTTP_X_AMZ_BYPASS_GOVERNANCE_RETENTION", "").lower() == "true"
    return [action, "s3:BypassGovernanceRetention"] if bypass else [action]


def _context(environ: Mapping[str, Any]) -> dict[str, str]:
    # Loopback never leaves the machine, so it counts as the encrypted connection that the cloud demands.
    context = {"aws:SecureTransport": "true", "s3:TlsVersion": "1.3"}
    if "HTTP_IF_NONE_MATCH" in environ:
        context["s3:if-none-match"] = str(environ["HTTP_IF_NONE_MATCH"])
    return context


def _matches(patterns: str | Iterable[str], value: str) -> bool:
    return any(fnmatchcase(value, pattern) for pattern in ([patterns] if isinstance(patterns, str) else patterns))


def _holds(conditions: Mapping[str, Mapping[str, str]], context: Mapping[str, str]) -> bool:
    """Whether a Deny applies; an operator not known here does, so that a policy is never weaker than it reads."""
    for operator, wanted in conditions.items():
        for key, value in wanted.items():
            present = context.get(key)
            if operator == "Null" and (present is None) != (value == "true"):
                return False
            if operator == "Bool" and present != value:
                return False
            if operator == "NumericLessThan" and not (present is not None and float(present) < float(value)):
                return False
    return True
