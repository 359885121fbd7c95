"""``phivault keys destroy``: a person's key, for good."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from phivault import bootstrap
from phivault.adapters.cognito_accounts import CognitoAccounts
from phivault.cli import operator
from phivault.cli.audit.walking import explained
from phivault.cli.keys.asking import asking, console
from phivault.privacy.destroy_key import destroy_key
from phivault.records.reseal import owns_rows
from phivault.settings import settings

NEEDED = ("audit_bucket", "audit_index_table", "access_state_table", "subject_keys_table", "user_pool_id")


def destroy(
    tenant: Annotated[str, typer.Option(help="The tenant's id.")],
    subject: Annotated[
        str,
        typer.Option(help="Whose key: Patient/<id>, RelatedPerson/<id>, a patient's own User/<id>, Project/<name>."),
    ],
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
) -> None:
    """Destroy a subject's key for good. What it sealed can't be read again by anyone, and leaves the search index; the
    audit log stays valid.

    Exit status 0 once it is destroyed, or was before, 1 where that is refused, 2 for input or settings that can't be
    used, 3 for an outage: then repeat it.
    """
    if not yes:
        typer.confirm(f"Destroy the key of {subject} in {tenant} for good?", abort=True)
    needed = (*NEEDED, "rotator_function") if owns_rows(subject) else NEEDED
    with explained():
        by = operator.act(*needed)
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
    # Told at once: what follows may fail, and this is true whatever becomes of it.
    if done.before:
        console.print(f"Versions 1 to {done.version} were destroyed before; the time that was told then stands.")
    else:
        effective = datetime.now(UTC) + timedelta(seconds=settings().subject_key_cache_seconds)
        console.print(
            f"Destroyed, versions 1 to {done.version}. Functions may hold it in memory until {effective:%FT%TZ}."
        )
    if owns_rows(subject):
        _forget(tenant, subject)


def _forget(tenant: str, subject: str) -> None:
    """The database is out of an operator's reach: the rotator is in its network."""
    with asking("destroy", tenant=tenant, subject=subject) as asked:
        found = asked.all("forget", tenant, subject)
    console.print(
        f"{found['tokens']} search tokens deleted. What functions write about {subject} until they let go of the key "
        "is indexed again: phivault keys forget takes it out after that."
    )
