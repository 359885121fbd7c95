"""``phivault demo``: steps that show security, played by the local stack on itself and shown as they happen."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from phivault.cli.local_stack import facts

console = Console(highlight=False, soft_wrap=True)
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # no proxy leads to this machine


def demo(
    step: Annotated[int | None, typer.Option(help="Play this step alone, from 1.")] = None,
    quiet: Annotated[bool, typer.Option(help="Show verdicts without requests and answers.")] = False,
) -> None:
    """Show the security of the running local stack: sign-in, release, tampering, an outage, retention,
    the audit log's proof, erasure, reconciliation, accounts from invitation to offboarding, consent,
    an emergency, a change of policy, searches of what is sealed, bundles, a new key, a row put back.

    Exit status 0 when every promise was kept, 1 when one was broken, 2 without a running stack.
    """
    base = facts()["base_url"]
    titles: list[str] = json.loads(b"".join(_ask("GET", f"{base}/_local/demo")))
    numbers = range(1, len(titles) + 1) if step is None else [step]
    if step is not None and not 1 <= step <= len(titles):
        typer.echo(f"--step is a number from 1 to {len(titles)}", err=True)
        raise typer.Exit(2)
    kept = [verdict for number in numbers for verdict in _play(base, number, titles[number - 1], quiet)]
    console.print(f"\n[bold]{sum(kept)} of {len(kept)} promises kept[/]")
    raise typer.Exit(0 if all(kept) else 1)


def _play(base: str, number: int, title: str, quiet: bool) -> Iterator[bool]:
    console.print(f"\n[bold]{number}. {title}[/]")
    for line in _ask("POST", f"{base}/_local/demo/{number}"):
        exchange = json.loads(line)
        _show(exchange, quiet)
        yield exchange["kept"]


def _show(exchange: dict[str, Any], quiet: bool) -> None:
    mark = "[green]kept[/]  " if exchange["kept"] else "[red]BROKEN[/]"
    console.print(f"  {mark} {escape(exchange['title'])}: {escape(exchange['verdict'])}")
    if not quiet:
        for arrow, text in ((">", exchange["request"]), ("<", exchange["answer"])):
            for line in text.splitlines():
                console.print(f"         [dim]{arrow} {escape(line)}[/]")


def _ask(method: str, url: str) -> Iterator[bytes]:
    request = urllib.request.Request(url, method=method)  # noqa: S310  # the URL is the local stack's own
    try:
        with _direct.open(request, timeout=120) as answer:
            yield from answer
    except urllib.error.URLError:
        typer.echo("The local stack doesn't answer. Start it in another terminal: make run", err=True)
        raise typer.Exit(2) from None
