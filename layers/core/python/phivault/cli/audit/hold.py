"""``phivault audit hold``: legal holds, which keep records past any period until they are lifted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from phivault import bootstrap
from phivault.cli import operator
from phivault.cli.audit.retention import NEEDED, New, State, Tenant
from phivault.cli.audit.walking import explained, resumes, walk

app = typer.Typer(no_args_is_help=True, help="Legal holds: kept past any period until they are lifted.")
console = Console(highlight=False, soft_wrap=True)
Case = Annotated[str, typer.Option(help="An opaque id of the case; it stands in the log for ever.")]
Patient = Annotated[str, typer.Option(help="One patient's id; without it, all of the tenant's records.")]
_STATE = Path(".phivault-hold.json")


@app.command()
def place(tenant: Tenant, case: Case, patient: Patient = "", new: New = False, state: State = _STATE) -> None:
    """Place a hold. Recorded first, then put on every record that stands; ended in the middle, the same command goes
    on. Exit status 1 where it stands already or the log knows no such tenant."""
    with explained():
        rules = bootstrap.retention(operator.act(*NEEDED))
        what = f"hold place {tenant} {case} {patient}"
        if not resumes(state, what):
            rules.place(tenant, case, patient, new=new)
        walk(tenant, state, what)


@app.command()
def release(tenant: Tenant, case: Case, patient: Patient = "", state: State = _STATE) -> None:
    """Lift a hold. Records that another case holds stay held. Exit status 1 where there is none."""
    with explained():
        rules = bootstrap.retention(operator.act(*NEEDED))
        what = f"hold release {tenant} {case} {patient}"
        if not resumes(state, what):
            rules.lift(tenant, case, patient)
        walk(tenant, state, what, lifting=True)
