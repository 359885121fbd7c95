"""``phivault keys``: one command, one file."""

from __future__ import annotations

import typer

from phivault.cli.keys.destroy import destroy
from phivault.cli.keys.forget import forget
from phivault.cli.keys.retire import retire
from phivault.cli.keys.rewrap import rewrap
from phivault.cli.keys.rotate import rotate
from phivault.cli.keys.status import status

app = typer.Typer(no_args_is_help=True, help="Keys of subjects.")
app.command()(destroy)
app.command()(forget)
app.command()(retire)
app.command()(rewrap)
app.command()(rotate)
app.command()(status)


@app.callback()
def _keys() -> None:
    """Work with the keys of subjects."""
