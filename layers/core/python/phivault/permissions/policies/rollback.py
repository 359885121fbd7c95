"""Propose an earlier version's text again. Approved like any proposal, it becomes a new version."""

from __future__ import annotations

from phivault.audit.event import Action
from phivault.errors import NotFound
from phivault.inputs import Body, read
from phivault.permissions.call import Call
from phivault.permissions.inputs import Version
from phivault.permissions.policies.called import PROPOSE, RESOURCE
from phivault.permissions.policies.propose import keep
from phivault.permissions.policies.state import Proposal


class RollBack(Body):
    """``version`` 0 means no policies of the tenant's own."""

    version: Version


def roll_back_policies(call: Call, body: bytes) -> Proposal:
    """Raises AccessDenied, InvalidInput (the schema moved on, and the text breaks it now), NotFound, Conflict or
    Unavailable, each recorded."""
    with call.failure_recorded(Action.POLICY_PROPOSE, resource=RESOURCE):
        call.require(PROPOSE)
        version, store = read(RollBack, body).version, call.permissions.policies
        if version and store.version(call.tenant, version) is None:
            raise NotFound("The policies have no such version")
        text = store.text(call.tenant, version) if version else ""
        return keep(call, text, store.current(call.tenant), restores=version)
