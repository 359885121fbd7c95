"""Populations of carebundle, imported by the command and read back element by element.

``python -m tests.support.population 1000`` does it with so many patients over every profile, into the local stack that
``make run`` started (``PHIVAULT_LOCAL`` names another one's folder).
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import batched
from pathlib import Path
from typing import Any

import typer

from phivault.cli.imports.journal import Journal
from phivault.cli.imports.source import files, resources
from phivault.records.json_members import split, split_array

PROFILES = ("anaemia", "ckd_stage3", "healthy", "hypertension", "type2_diabetes", "mixed")
BY_SERVER = ("id", "resourceType")
IDS = 100
REFERENCE = re.compile(rb'("reference"\s*:\s*")([^"\\]+)"')

type Get = Callable[[str], bytes]
"""The body of what a path below /v1/fhir/ answers."""


def generate(folder: Path, *, count: int, seed: int, profile: str = "mixed", form: str = "bundle") -> None:
    """Patients of carebundle in ``folder``: the same bytes for the same arguments."""
    command = [str(Path(sys.executable).with_name("carebundle")), "generate", "--profile", profile, "--sex", "mixed"]
    command += ["--count", str(count), "--seed", str(seed), "--format", form, "--out", str(folder)]
    subprocess.run(command, check=True, capture_output=True)


@dataclass(frozen=True)
class Imported:
    """A resource of the source, with the place that the server gave it."""

    file: int
    full_url: str
    text: bytes
    place: str

    @property
    def members(self) -> dict[str, bytes]:
        return split(self.text)

    @property
    def names(self) -> list[tuple[int, str]]:
        """What others call it: an id in the whole folder, a URN in its own file."""
        members = self.members
        own = [(-1, f"{self.place.partition('/')[0]}/{json.loads(members['id'])}")] if "id" in members else []
        return own + ([(self.file, self.full_url)] if self.full_url else [])


def imported(folder: Path, journal: Path) -> list[Imported]:
    """Everything that stands in the folder, in order. Fails for whatever has no place."""
    found = []
    with Journal(journal) as kept:
        made = {
            (file, number): place for file, number, place in kept.db.execute("SELECT file, number, made FROM resource")
        }
    for number, path in enumerate(files(folder)):
        with path.open("rb") as file:
            for one in resources(file, path.name):
                place = made[number, one.number]
                assert place, f"{path.name} {one.number} is not in"
                found.append(Imported(number, one.full_url, one.resource or b"", place))
    return found


def compare(source: Sequence[Imported], get: Get) -> Counter[str]:
    """Read all of it back in pages of ids; each element must have its bytes, with references led to the new places.
    How many elements were compared, by type."""
    places = {name: one.place for one in source for name in one.names}
    kinds: dict[str, dict[str, Imported]] = {}
    for one in source:
        kind, _, id = one.place.partition("/")
        kinds.setdefault(kind, {})[id] = one
    compared: Counter[str] = Counter()
    for kind, mine in kinds.items():
        back = {id: text for some in batched(mine, IDS, strict=False) for id, text in _read(kind, some, get)}
        assert back.keys() == mine.keys()
        for id, one in mine.items():
            compared[kind] += _same(one, places, split(back[id]))
    return compared


def _read(kind: str, ids: Sequence[str], get: Get) -> Iterator[tuple[str, bytes]]:
    path = f"{kind}?_id={','.join(ids)}&_count={IDS}"
    while path:
        page = split(get(path))
        for entry in split_array(page.get("entry", b"[]")):
            resource = split(entry)["resource"]
            yield json.loads(split(resource)["id"]), resource
        links: list[dict[str, str]] = json.loads(page["link"])
        path = next((link["url"].rpartition("/fhir/")[2] for link in links if link["relation"] == "next"), "")


def _same(one: Imported, places: Mapping[tuple[int, str], str], back: dict[str, bytes]) -> int:
    def led(match: re.Match[bytes]) -> bytes:
        name = match[2].decode()
        place = places.get((one.file, name)) or places[-1, name]
        return match[1] + place.encode() + b'"'

    sent = split(REFERENCE.sub(led, one.text))
    meta = _own_meta(back.pop("meta"))
    assert meta == (_own_meta(sent.pop("meta")) if "meta" in sent else {}), one.place
    expected = {name: value for name, value in sent.items() if name not in BY_SERVER}
    assert {name: value for name, value in back.items() if name not in BY_SERVER} == expected, one.place
    return len(expected) + len(meta)


def _own_meta(meta: bytes) -> dict[str, bytes]:
    return {name: value for name, value in split(meta).items() if name not in ("versionId", "lastUpdated")}


def main(patients: int, seeds: Sequence[int] = (7, 11, 13), say: Callable[[str], object] = typer.echo) -> None:
    from phivault.cli.signed_in import signed_in

    with tempfile.TemporaryDirectory(prefix="population-") as made:
        folder = Path(made) / "source"
        each, rest = divmod(patients, len(PROFILES) * len(seeds))
        for number, (profile, seed) in enumerate((profile, seed) for profile in PROFILES for seed in seeds):
            some = each + (number < rest)
            form = "ndjson" if number % 2 else "bundle"
            # carebundle's ids come from the seed: one seed for two profiles would be two patients with one id.
            own = seed * len(PROFILES) + PROFILES.index(profile)
            if some:
                generate(folder / f"{profile}-{seed}", count=some, seed=own, profile=profile, form=form)
        began = time.monotonic()
        command = [str(Path(sys.executable).with_name("phivault")), "import", str(folder)]
        subprocess.run(command, check=True)
        took = time.monotonic() - began
        source = imported(folder, folder.with_name("source.phivault-import"))
        say(f"{len(source)} resources of {patients} patients in {took:.0f} s: {len(source) / took:.0f} a second")
        api = signed_in()
        began = time.monotonic()
        compared = compare(source, lambda path: _get(api, path))
        say(f"{sum(compared.values())} elements read back with the same bytes in {time.monotonic() - began:.0f} s")


def _get(api: Any, path: str) -> bytes:
    while (answer := api.send("GET", f"/v1/fhir/{path}", None, {})).status == 429:
        time.sleep(answer.retry_after or 1)
    assert answer.status == 200, f"{path.partition('?')[0]}: {answer.status}"
    body: bytes = answer.body
    return body


if __name__ == "__main__":
    main(int(sys.argv[1]))
