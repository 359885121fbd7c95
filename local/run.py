"""``make run``: the whole product on this machine until Ctrl-C."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path
from urllib.parse import quote

import segno
from rich.console import Console

from local import surroundings
from local.demo.lab import Lab
from local.parent import end_with_parent
from local.ports import PortTaken
from local.seed import Seeded, Seeder, write_demo
from local.stack import Stack
from local.workspace import Workspace, WorkspaceHeld

console = Console(highlight=False, soft_wrap=True)
ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> int:
    started = time.monotonic()
    over = threading.Event()
    if "MAKELEVEL" in os.environ:
        end_with_parent()  # make passes Ctrl-C on, but nothing when it is killed
    for number in ENDS:
        signal.signal(number, _interrupt)
    surroundings.forget()

    def say(text: str) -> None:
        console.print(f"[dim]{time.monotonic() - started:5.1f} s[/]  {text}")

    try:
        stack = Stack.start(Workspace(), _port(), say)
    except (PortTaken, WorkspaceHeld, ValueError) as error:
        console.print(f"[red]{error}[/]")
        return 1
    except KeyboardInterrupt:
        return 130
    try:
        seeder = Seeder(stack, say)
        tenants = seeder.seed()
        stack.lab = Lab(stack, tenants, seeder)
        path = write_demo(stack, tenants)
        say("ready")
        welcome(stack, tenants, path)
        over.wait()
    except KeyboardInterrupt:
        console.print("stopping")
    finally:
        for number in ENDS:
            signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C must not cut the end short
        stack.stop()
    return 0


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _port() -> int:
    text = os.environ.get("PORT", "8080")
    if not text.isdecimal() or len(text) > 5 or int(text) > 65535:
        raise ValueError(f"PORT must be a number up to 65535, not {text[:20]!r}")
    return int(text)


def welcome(stack: Stack, tenants: dict[str, Seeded], path: Path) -> None:
    name, tenant = next(iter(tenants.items()))
    clinician = tenant.users["clinician"]
    uri = f"otpauth://totp/phivault:{quote(clinician.email)}?secret={clinician.totp_secret}&issuer=phivault"
    console.print(f"\n[bold]{stack.base_url}[/]\n")
    console.print(f"Sign in to {name} as   {clinician.email}")
    console.print(f"with the password     {clinician.password}", markup=False)
    console.print(f"and a code of your authenticator app, with the secret {clinician.totp_secret} or this picture:\n")
    segno.make(uri, error="m").terminal(out=sys.stdout, compact=True)
    console.print(f"\nAll users, secrets and addresses: {path}")
    console.print("Text messages and alerts: " + f"{stack.base_url}/_local/outbox")
    console.print("See it work: .venv/bin/phivault demo, or the page above. Ctrl-C ends everything.")


if __name__ == "__main__":
    sys.exit(main())
