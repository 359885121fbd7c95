"""``phivault keys forget``: nothing of the erased in the search index."""

from __future__ import annotations

from typing import Annotated

import typer

from phivault.cli.keys.asking import asking, console


def forget(
    tenant: Annotated[str, typer.Option(help="This tenant alone; without it every tenant.")] = "",
) -> None:
    """Take what subjects own whose keys are destroyed out of the search index. ``phivault keys destroy`` does it for
    its subject; do it for all after a backup of the database was restored. May be ended at any moment and given again.

    Exit status 0 once all is done, 2 for input or settings that can't be used, 3 for an outage: then repeat it.
    """
    with asking("forget", tenant=tenant) as asked:
        found = [asked.all("forget", each, label=f"{each}: forgetting") for each in asked.tenants(tenant)]
        if tenant and not any(sum(each.counts.values()) for each in found):
            asked.status(tenant, label="tenants")  # a restored database may hold rows of whom no key is known
    tokens, erased = (sum(each[name] for each in found) for name in ("tokens", "erased"))
    console.print(f"{tokens} search tokens deleted; {erased} erased subjects own resources")
