"""What a FHIR request asks besides its body: who calls and why, and the headers of conditional and repeated writes."""

from __future__ import annotations

import re
import time

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent

from phivault import bootstrap, web
from phivault.access.principal import Principal
from phivault.access.purpose import Purpose, PurposeOfUse
from phivault.access.roles import Role
from phivault.audit.event import Action, RiskLevel
from phivault.errors import InvalidInput, PhivaultError
from phivault.identity.events import Trace, of_principal
from phivault.records.call import Call
from phivault.records.operation_outcome import informational
from phivault.records.types import TYPES

CONDITIONS = ("If-None-Exist", "If-None-Match", "If-Unmodified-Since")
PREFERENCES = ("minimal", "representation", "OperationOutcome")
_RETURN = re.compile(r"return *= *\"?([A-Za-z]+)\"?")
_PROJECT = re.compile("[a-z0-9-]{1,64}")


def call(event: APIGatewayProxyEvent, action: Action, type: str = "") -> Call:
    """Raises Unauthenticated, PurposeRequired or InvalidInput, each recorded."""
    principal = web.principal(event)
    try:
        _refuse_conditions(event, action)
        purpose = web.purpose(event, principal)
        return Call(principal, purpose, web.source(event).request_id, _project(event, principal, purpose))
    except PhivaultError as error:
        _record(event, principal, action, type, error)
        raise


def _project(event: APIGatewayProxyEvent, principal: Principal, purpose: Purpose) -> str:
    """The research project that is asked for: the header's, or a researcher's only one. Whether they are approved for
    it is decided with the data."""
    named = web.header(event, web.PROJECT_HEADER)
    if purpose.of_use is not PurposeOfUse.RESEARCH:
        if named is not None:
            raise InvalidInput(f"{web.PROJECT_HEADER} goes with the purpose RESEARCH alone")
        return ""
    if named is not None:
        if not _PROJECT.fullmatch(named):
            raise InvalidInput(f"{web.PROJECT_HEADER} has 1 to 64 lower case letters, digits and hyphens")
        return named
    if principal.role is not Role.RESEARCHER:
        return ""
    approved = bootstrap.facts().projects(principal)
    if len(approved) > 1:
        raise InvalidInput(f"Send {web.PROJECT_HEADER}: you are approved for several research projects")
    return next(iter(approved), "")


def _record(event: APIGatewayProxyEvent, principal: Principal, action: Action, type: str, error: PhivaultError) -> None:
    trace = Trace(action, web.source(event), time.time(), error=error, risk=RiskLevel.MEDIUM)
    # Only the name of a type that is served: any other is the caller's own text.
    resource = type if type in TYPES or action is Action.TRANSACTION else ""
    bootstrap.recorder().append([of_principal(trace, principal, resource=resource)])


def _refuse_conditions(event: APIGatewayProxyEvent, action: Action) -> None:
    # A read may ignore them; a write that did would do what its sender meant to prevent.
    sent = {name for name in CONDITIONS if web.header(event, name) is not None}
    taken = {"If-None-Exist"} if action is Action.CREATE else set()
    if event.http_method != "GET" and sent - taken:
        raise InvalidInput("Of conditions, only If-Match is supported, and If-None-Exist on a create")


def if_match(event: APIGatewayProxyEvent) -> str | None:
    return web.header(event, "If-Match")


def idempotency_key(event: APIGatewayProxyEvent) -> str | None:
    return web.header(event, "Idempotency-Key")


def if_none_exist(event: APIGatewayProxyEvent) -> str | None:
    return web.header(event, "If-None-Exist")


def prefer(event: APIGatewayProxyEvent) -> str | None:
    """What the caller wants to get back of a write: minimal, representation, OperationOutcome, or what is usual (FHIR
    R4, section 3.1.0.1.9). Other preferences aren't ours, and RFC 7240 lets them pass."""
    for preference in (web.header(event, "Prefer") or "").split(","):
        match = _RETURN.fullmatch(preference.partition(";")[0].strip())
        if match and match[1] in PREFERENCES:
            return match[1]
        if match:
            raise InvalidInput(f"Prefer: return is one of {', '.join(PREFERENCES)}")
    return None


def preferred(event: APIGatewayProxyEvent) -> str | None:
    """What a write answers in place of the resource, where the caller prefers something else."""
    return {"minimal": "", "OperationOutcome": informational("Done").decode()}.get(prefer(event) or "")
