"""A tenant's own policies: shown, proposed, approved by another person, withdrawn, rolled back."""

from __future__ import annotations

import json

from aws_lambda_powertools.event_handler import Response

from functions.access.app import app
from functions.access.asked import about, call
from phivault import web
from phivault.audit.event import Action
from phivault.permissions.policies.approve import approve_policies
from phivault.permissions.policies.called import APPROVE, PROPOSE
from phivault.permissions.policies.propose import ProposePolicies, propose_policies
from phivault.permissions.policies.rollback import RollBack, roll_back_policies
from phivault.permissions.policies.show import SEE, show_policies, show_policy_version, shown_proposal
from phivault.permissions.policies.withdraw import withdraw_policies

POLICIES = "/v1/admin/policies"
PROPOSAL = POLICIES + "/proposals/{id}"


@web.operation(
    app, "GET", POLICIES, about("The tenant's own policies, their history and open proposals", Action.POLICY_LIST, SEE)
)
def _show() -> Response[str]:
    return web.answer(200, json.dumps(show_policies(call())))


@web.operation(
    app,
    "GET",
    POLICIES + "/versions/{version}",
    about("One version of the tenant's own policies", Action.POLICY_LIST, SEE),
)
def _version(version: str) -> Response[str]:
    return web.answer(200, json.dumps(show_policy_version(call(), version)))


@web.operation(
    app,
    "POST",
    POLICIES,
    about(
        "Propose policies in place of the present ones",
        Action.POLICY_PROPOSE,
        PROPOSE,
        body=ProposePolicies,
        statuses=(202,),
        refusals=(409,),
    ),
)
def _propose() -> Response[str]:
    proposal = propose_policies(call(), web.body(app.current_event))
    return web.answer(202, json.dumps(shown_proposal(proposal)))


@web.operation(
    app,
    "POST",
    POLICIES + "/rollback",
    about(
        "Propose an earlier version's policies; version 0 is none",
        Action.POLICY_PROPOSE,
        PROPOSE,
        body=RollBack,
        statuses=(202,),
        refusals=(409,),
    ),
)
def _roll_back() -> Response[str]:
    proposal = roll_back_policies(call(), web.body(app.current_event))
    return web.answer(202, json.dumps(shown_proposal(proposal)))


@web.operation(
    app,
    "POST",
    PROPOSAL + "/approve",
    about(
        "Approve policies that somebody else proposed; they hold at once",
        Action.POLICY_APPROVE,
        APPROVE,
        refusals=(409,),
    ),
)
def _approve(id: str) -> Response[str]:
    return web.answer(200, json.dumps({"version": approve_policies(call(), id)}))


@web.operation(
    app,
    "DELETE",
    PROPOSAL,
    about(
        "Withdraw proposed policies: their proposer, or who may approve",
        Action.POLICY_WITHDRAW,
        APPROVE,
        statuses=(204,),
        refusals=(409,),
    ),
)
def _withdraw(id: str) -> Response[str]:
    withdraw_policies(call(), id)
    return web.answer(204, "")
