"""``phivault keys``: the keys of subjects, for operators."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.console import Console

from phivault import bootstrap
from phivault.adapters.cognito_accounts import CognitoAccounts
from phivault.cli import operator
from phivault.cli.audit.walking import explained
from phivault.privacy.destroy_key import destroy_key
from phivault.settings import settings

NEEDED = ("audit_bucket", "audit_index_table", "access_state_table", "subject_keys_table", "user_pool_id")
app = typer.Typer(no_args_is_help=True, help="Keys of subjects.")
console = Console(highlight=False, soft_wrap=True)


@app.callback()
def _keys() -> None:
    """Work with the keys of subjects."""


@app.command()
def destroy(
    tenant: Annotated[str, typer.Option(help="The tenant's id.")],
    subject: Annotated[
        str, typer.Option(help="Whose key: Patient/<id>, RelatedPerson/<id>, a patient's own User/<id>.")
    ],
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
) -> None:
    """Destroy a subject's key for good. What it sealed can't be read again by anyone; the audit log stays valid.

    Exit status 0 once it is destroyed, or was before, 1 where that is refused, 2 for input or settings that can't be
    used, 3 for an outage: then repeat it.
    """
    if not yes:
        typer.confirm(f"Destroy the key of {subject} in {tenant} for good?", abort=True)
    with explained():
        by = operator.act(*NEEDED)
        holds = bootstrap.retention(by).holds(tenant)
        done = destroy_key(
            bootstrap.subject_keys(),
            bootstrap.recorder(),
            tenant,
            subject,
            by=by,
            accounts=CognitoAccounts(settings().user_pool_id),
            holds=holds,
        )
    if done.before:
        console.print(f"Versions 1 to {done.version} were destroyed before; the time that was told then stands.")
        return
    effective = datetime.now(UTC) + timedelta(seconds=settings().subject_key_cache_seconds)
    console.print(f"Destroyed, versions 1 to {done.version}. Functions may hold it in memory until {effective:%FT%TZ}.")
