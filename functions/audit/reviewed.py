"""What every look at the audit log has in common: permitted, done, recorded, and only then answered."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent

from phivault import bootstrap, web
from phivault.audit.event import Action
from phivault.errors import PhivaultError
from phivault.identity.events import Trace, of_principal

_OPAQUE = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def reviewed[T](
    event: APIGatewayProxyEvent,
    action: Action,
    permission: str,
    look: Callable[[str], T],
    *,
    resource: str = "AuditEvent",
    id: str = "",
) -> T:
    """What ``look`` finds in the caller's tenant. Raises Unauthenticated, AccessDenied or what ``look`` raises, each
    recorded; Unavailable where the record can't be written."""
    principal = web.principal(event)
    trace = Trace(action, web.source(event), time.time())
    # An id that isn't one of ours is the caller's own text.
    about = {"resource": resource, "resource_id": id if _OPAQUE.fullmatch(id) else ""}
    try:
        bootstrap.decider().require(principal, permission)
        found = look(principal.tenant)
    except Exception as error:
        known = error if isinstance(error, PhivaultError) else PhivaultError()
        failed = Trace(action, trace.source, trace.at, error=known)
        bootstrap.recorder().append([of_principal(failed, principal, **about)])
        raise
    bootstrap.recorder().append([of_principal(trace, principal, **about)])
    return found
