"""Step 6: the auditor takes an export home and checks it without us; a byte changed in a copy is found by name."""

from __future__ import annotations

import io
import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
from rich.console import Console

from local.demo.desk import KEYS, Desk
from local.demo.exchange import Exchange
from local.demo.lab import Lab, seen
from phivault.audit.canonical import EventLine, encode, parse
from phivault.audit.export import manifest, segments
from phivault.audit.log import proof
from phivault.audit.log.note import VerifierKey
from phivault.cli.api import Api
from phivault.cli.audit.by_role import EXPORTS, ApiExport
from phivault.cli.audit.download import save
from phivault.errors import IntegrityError

MADE_SECONDS = 60


def play(lab: Lab) -> Iterator[Exchange]:
    with Desk.at(lab) as desk:
        lab.read("clinician", f"/v1/fhir/Patient/{lab.tenant.patients[0]}").raise_for_status()
        ordered = _order(lab)
        yield seen("The auditor orders an export", ordered, kept=ordered.status_code == 202, verdict="Recorded, begun")
        yield _downloaded(desk, ordered)
        checked = desk.phivault("audit", "verify", "export", *KEYS)
        valid = checked.status == 0
        yield checked.exchange(
            "Check it offline, with keys from elsewhere",
            kept=valid,
            verdict="Valid, in eight steps" if valid else "Not valid",
        )
        line = _a_release(desk.folder / "export")
        yield _altered(desk, line)
    yield _proven(lab, line)


def _order(lab: Lab) -> httpx.Response:
    headers = {"Authorization": f"Bearer {lab.token('auditor', recent=True)}"}
    return lab.http.post(EXPORTS, json={"open": False}, headers=headers)


def _downloaded(desk: Desk, ordered: httpx.Response) -> Exchange:
    lab, path, until = desk.lab, f"{EXPORTS}/{ordered.json()['id']}", time.monotonic() + MADE_SECONDS
    while (found := lab.read("auditor", path).json())["status"] in ("queued", "running"):
        if time.monotonic() > until:
            raise RuntimeError("The export isn't made in time")
        time.sleep(0.3)
    if found["status"] != "done":
        raise RuntimeError("The export failed")
    export = ApiExport(Api(lab.stack.base_url, lab.token("auditor")), path, found)
    made = save(export, desk.folder / "export", Console(file=io.StringIO()))
    shown = f"lines 0 to {made.size - 1}; those of other tenants than {made.tenant} as hashes\n" + "\n".join(made.files)
    verdict = "Every file as the signed manifest says"
    return Exchange("Take it home", f"GET {path}, then each of its {len(made.files) + 2} files", shown, True, verdict)


def _segment(export: Path) -> Path:
    return export / manifest.parse((export / "manifest.json").read_bytes()).segments[-1].lines


def _a_release(export: Path) -> EventLine:
    """The newest record of a patient's data that went out."""
    for raw in reversed(segments.unpack(_segment(export).read_bytes(), segments.MAX_LINES)):
        if not segments.is_withheld(raw):
            line = parse(raw)
            if isinstance(line, EventLine) and line.event.action == "fhir.read" and line.event.success:
                return line
    raise RuntimeError("The export holds no release")


def _altered(desk: Desk, line: EventLine) -> Exchange:
    """The patient's id in one event changed by one digit, and the line packed again as if it had been so."""
    shutil.copytree(desk.folder / "export", desk.folder / "altered")
    event, file = line.event, _segment(desk.folder / "altered")
    lines = segments.unpack(file.read_bytes(), segments.MAX_LINES)
    lines[lines.index(encode(line))] = encode(replace(line, event=replace(event, patient=_bent(event.patient))))
    file.write_bytes(segments.pack(lines))
    checked = desk.phivault("audit", "verify", "altered", *KEYS)
    name = file.relative_to(desk.folder / "altered").as_posix()
    named = checked.status == 1 and event.id in checked.output and name in checked.output
    verdict = "Not valid: named are file, leaf, event and object" if named else "Not named"
    return checked.exchange("One byte of an event changed in a copy", kept=named, verdict=verdict)


def _bent(text: str) -> str:
    return text[:-1] + ("0" if text[-1] != "0" else "1")


def _proven(lab: Lab, line: EventLine) -> Exchange:
    """One event's way to the witnessed checkpoint, checked with the two keys alone."""
    answer = lab.read("auditor", f"/v1/audit/events/{line.event.id}/proof")
    keys = [VerifierKey.parse(text) for text in (lab.stack.resources.log_vkey, lab.stack.resources.witness_vkey)]
    found, raw = proof.parse(answer.content), encode(line)
    tree = found.verify(raw, *keys).checkpoint
    try:
        found.verify(raw.replace(b'"v":1', b'"v":2'), *keys)
        refused = ""
    except IntegrityError as error:
        refused = str(error.detail)
    text = "\n".join(row if len(row) < 80 else f"{row[:76]}…" for row in answer.text.splitlines())
    altered = f"with one byte of it changed: {refused or 'accepted'}"
    shown = f"{text}\n\nthe line is leaf {found.index} of {tree.size}\n{altered}"
    request = f"GET {answer.request.url.path}\n\n{json.dumps({'id': line.event.id, 'action': line.event.action})}"
    return Exchange(
        "The proof of one event", request, shown, bool(refused), "It is in the witnessed log, in these bytes"
    )
