"""The tenant's policies: what holds, what held, what is proposed; and one version with its text."""

from __future__ import annotations

import re
from typing import Any, Final

from phivault.audit.event import Action
from phivault.errors import NotFound
from phivault.permissions.call import Call
from phivault.permissions.policies.called import RESOURCE
from phivault.permissions.policies.state import SHOWN_VERSIONS, PolicyVersion, Proposal

SEE: Final = "admin:policies"
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,8}")


def show_policies(call: Call) -> dict[str, Any]:
    """``version`` is 0 and ``text`` empty where the tenant has none; of ``history`` the newest hundred. Raises
    AccessDenied or Unavailable, each recorded."""
    with call.failure_recorded(Action.POLICY_LIST, resource=RESOURCE):
        call.require(SEE)
        store = call.permissions.policies
        version = store.current(call.tenant)
        text = store.text(call.tenant, version) if version else ""
        history = store.history(call.tenant, SHOWN_VERSIONS)
        proposals = store.proposals(call.tenant)
        call.record(Action.POLICY_LIST, resource=RESOURCE, version=version)
    return {
        "version": version,
        "text": text,
        "ids": next((list(one.ids) for one in history if one.version == version), []),
        "history": [shown_version(one) for one in history if one.version <= version],
        "proposals": [shown_proposal(one) | {"outdated": one.base != version} for one in proposals],
    }


def show_policy_version(call: Call, version: str) -> dict[str, Any]:
    """Raises AccessDenied, NotFound or Unavailable, each recorded."""
    with call.failure_recorded(Action.POLICY_LIST, resource=RESOURCE):
        call.require(SEE)
        store = call.permissions.policies
        found = store.version(call.tenant, int(version)) if _NUMBER.fullmatch(version) else None
        if found is None:
            raise NotFound("The policies have no such version")
        text = store.text(call.tenant, found.version)
        call.record(Action.POLICY_LIST, resource=RESOURCE, version=found.version, envelope=found.sha256)
    return shown_version(found) | {"text": text}


def shown_version(one: PolicyVersion) -> dict[str, Any]:
    return {
        "version": one.version,
        "ids": list(one.ids),
        "sha256": one.sha256,
        "proposal": one.proposal,
        "proposed_by": one.proposed_by,
        "proposed": one.proposed,
        "approved_by": one.approved_by,
        "approved": one.approved,
        "restores": one.restores,
    }


def shown_proposal(one: Proposal) -> dict[str, Any]:
    return {
        "id": one.id,
        "base_version": one.base,
        "text": one.text,
        "ids": list(one.ids),
        "sha256": one.sha256,
        "proposed_by": one.proposed_by,
        "proposed": one.proposed,
        "expires": one.expires,
        "restores": one.restores,
    }
