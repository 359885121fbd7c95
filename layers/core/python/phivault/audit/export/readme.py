"""The README of an export: what an auditor who was handed the folder needs to know."""

from __future__ import annotations

from typing import Final

_TEXT: Final = """\
# An export of an audit log

Log `{origin}`, {size} lines up to the checkpoint in `checkpoint`; lines {first} to {last} are here.
{scope}

## What is here

| path | what it is |
|---|---|
| `manifest.json`, `manifest.sig` | every file's size and SHA-256; the log's signature over it (C2SP signed-note) |
| `checkpoint` | size and root of the log's Merkle tree, signed by the log, cosigned by its witness with the time |
| `checkpoints/` | the first witnessed checkpoint of each hour |
| `tile/` | the tree's hashes, as C2SP tlog-tiles names them |
| `segments/` | the lines, up to 65,536 in a file, one event each (zstd, JSON) |
| `objects/` | the objects of the bucket that those lines lie in, as S3 listed them |
| `objects/unsealed.ndjson.zst` | objects of the bucket that the log lacks and shouldn't: none, if all is well |
| `keys/` | verifier keys. They prove nothing by lying here: compare them with those that you were given elsewhere |

Nobody's e-mail address, network address or user agent is readable here: each line has them sealed under the
person's own key, in `personal`.

## A line that is withheld

An export for one tenant shows the lines of others as `{{"kind":"withheld"}}`, with `hash`, the SHA-256 of the line, and
`leaf`, its hash in the tree (SHA-256 of a zero byte and the line), so that the tree and every writer's chain can still
be recomputed from end to end. What such a line says stays with its tenant.

## How to verify

With phivault, which recomputes everything and names what is wrong. Exit status 0: valid, 1: not, 2: unusable input.

    phivault audit verify . --key "$LOG_VKEY" --witness "$WITNESS_VKEY"

Keep `checkpoint`: with `--since` it shows next time that nothing before it was changed or cut off.

Without phivault: `checkpoint` and `manifest.sig` are signed notes, which Go's `golang.org/x/mod/sumdb/note` opens
(the log's signature; the witness's is a C2SP cosignature/v1). `tile/` is what `golang.org/x/mod/sumdb/tlog` reads
(height 8): `tlog.TreeHash` over it gives the checkpoint's root. A leaf's hash is `tlog.RecordHash` of the line without
its newline, after `zstd -d segments/*.zst`. `sha256sum` checks files against `manifest.json`.

## How to ask it questions

    phivault audit sql . "select action, count(*) from audit_logs group by action order by 2 desc"

The format is docs/audit-format.md of phivault, section 9.
"""


def readme(*, origin: str, tenant: str, first: int, size: int) -> bytes:
    """Markdown."""
    scope = (
        f"It was made for tenant `{tenant}`: lines of other tenants are withheld (see below)."
        if tenant
        else "No line in this range is withheld."
    )
    return _TEXT.format(origin=origin, size=size, first=first, last=size - 1, scope=scope).encode()
