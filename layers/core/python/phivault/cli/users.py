"""``phivault users``: people of a tenant, for operators."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console

from phivault import bootstrap
from phivault.access.roles import Role
from phivault.cli import operator
from phivault.cli.audit.walking import explained
from phivault.identity.users.invite_by_operator import invite_by_operator

NEEDED = (
    "audit_bucket",
    "audit_index_table",
    "access_state_table",
    "subject_keys_table",
    "subject_key_arn",
    "email_sender",
)
app = typer.Typer(no_args_is_help=True, help="People of a tenant.")
console = Console(highlight=False, soft_wrap=True)


@app.callback()
def _users() -> None:
    """Work with the people of a tenant."""


@app.command()
def invite(
    email: Annotated[str, typer.Argument(help="Where the invitation is sent.")],
    tenant: Annotated[str, typer.Option(help="The tenant's id.")],
    role: Annotated[Role, typer.Option(help="What they will be.")] = Role.TENANT_ADMIN,
    patient: Annotated[str, typer.Option(help="Whom a user of role patient stands for.")] = "",
    new: Annotated[bool, typer.Option("--new", help="The tenant has no user yet.")] = False,
) -> None:
    """Invite somebody, such as a tenant's first administrator. Recorded first; the invitation is good for three days
    and for one account.

    Exit status 1 where the tenant has no users and isn't said to be new, or has some and is, 2 for input or settings
    that can't be used, 3 for an outage: then repeat it.
    """
    body = {"email": email, "role": role.value} | ({"patient_id": patient} if patient else {})
    with explained():
        by = operator.act(*NEEDED)
        sent = invite_by_operator(bootstrap.identity(), tenant, json.dumps(body).encode(), by=by, new=new)
    until = datetime.fromtimestamp(sent.expires, UTC)
    console.print(f"Sent. Invitation {sent.id} is good until {until:%FT%TZ}.")
