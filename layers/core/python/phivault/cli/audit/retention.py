"""``phivault audit retention``: how long a tenant's records stay locked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from phivault import bootstrap
from phivault.audit.tenants import UNKNOWN
from phivault.cli import operator
from phivault.cli.audit.walking import explained, resumes, walk
from phivault.errors import NotFound

app = typer.Typer(no_args_is_help=True, help="How long a tenant's records stay locked. Never shortened.")
console = Console(highlight=False, soft_wrap=True)
NEEDED = ("audit_bucket", "audit_index_table", "access_state_table")
Tenant = Annotated[str, typer.Option(help="The tenant's id.")]
New = Annotated[bool, typer.Option("--new", help="It is about to be created: the log has no line of it yet.")]
State = Annotated[Path, typer.Option(help="Where an ended walk is taken up again.")]


@app.command()
def show(tenant: Tenant) -> None:
    """Show a tenant's period, its legal holds and what was changed when. Exit status 1 for a tenant that neither the
    log nor any rule knows, 3 when AWS can't be reached."""
    with explained():
        rules = bootstrap.retention(operator.act(*NEEDED))
        changes = rules.history(tenant)
        if not changes and not rules.knows(tenant):
            raise NotFound(UNKNOWN)
        console.print(f"{tenant}: {rules.days(tenant)} days")
        for hold in rules.holds(tenant):
            console.print(f"held since {hold.since} for case {hold.case}: {hold.patient or 'all records'}")
        for change in changes:
            to = f"to {change.days} days" if change.days else f"for case {change.case} {change.patient}".rstrip()
            console.print(f"{change.at} {change.what} {to}")


@app.command()
def extend(
    tenant: Tenant,
    days: Annotated[int, typer.Option(help="The new period, longer than the present one.")],
    new: New = False,
    state: State = Path(".phivault-retention.json"),
) -> None:
    """Lengthen a tenant's period, for every record that stands and all to come. Recorded first; ended in the middle,
    the same command goes on.

    Exit status 1 where it would be shortened or the log knows no such tenant, 2 for bad input, 3 when AWS can't be
    reached.
    """
    with explained():
        rules = bootstrap.retention(operator.act(*NEEDED))
        what = f"retention extend {tenant} {days}"
        held = rules.days(tenant)
        if days < held or (days > held and not resumes(state, what)):
            rules.extend(tenant, days, new=new)
        elif not new:
            rules.check(tenant)
        console.print(f"{tenant}: {days} days for all that is recorded from now on")
        walk(tenant, state, what)
