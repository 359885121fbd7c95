"""V2 and V7: the checkpoint of the export, and every older one that it or the auditor has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from phivault.audit.export import layout
from phivault.audit.export.manifest import File, Manifest
from phivault.audit.log.checkpoint import VerifiedCheckpoint, verify
from phivault.audit.log.merkle import Nodes, root_at
from phivault.audit.log.note import COSIGNATURE, MAX_NOTE, VerifierKey
from phivault.audit.verify import contents
from phivault.audit.verify.files import Files
from phivault.audit.verify.finding import Findings, Step
from phivault.audit.verify.times import Witnessed
from phivault.errors import IntegrityError, InvalidInput

_HOUR_SLACK: Final = 15 * 60
_PREFIX: Final = "checkpoints/"


@dataclass(frozen=True, slots=True)
class Trust:
    """The keys that the auditor has from elsewhere. Without ``witness`` the export's own is used, which shows what
    time it states but can't rule out a fork."""

    log: VerifierKey
    witness: VerifierKey | None = None


def witness_of(found: Findings, files: Files, stated: Manifest, trust: Trust) -> VerifierKey | None:
    """The witness's key to go on with. The export's copies of pinned keys must equal them."""
    held = _key(found, files, stated, layout.LOG_KEY)
    if held is not None and held != trust.log:
        found.add(Step.CHECKPOINT, "The export's log key is not the given one", path=layout.LOG_KEY)
    held = _key(found, files, stated, layout.WITNESS_KEY)
    if trust.witness is not None:
        if held is not None and held != trust.witness:
            found.add(Step.CHECKPOINT, "The export's witness key is not the given one", path=layout.WITNESS_KEY)
        return trust.witness
    if held is not None and (held.kind != COSIGNATURE or held.public_key == trust.log.public_key):
        found.add(Step.CHECKPOINT, "The export's witness key is no witness's", path=layout.WITNESS_KEY)
        return None
    return held


def _key(found: Findings, files: Files, stated: Manifest, path: str) -> VerifierKey | None:
    data = contents.read(found, files, path, stated.files)
    try:
        return None if data is None else VerifierKey.parse(data.decode().removesuffix("\n"))
    except (UnicodeDecodeError, InvalidInput):
        found.add(Step.CHECKPOINT, "A verifier key can't be read", path=path)
        return None


def check_checkpoint(
    found: Findings, files: Files, stated: Manifest, log: VerifierKey, witness: VerifierKey | None
) -> VerifiedCheckpoint | None:
    """V2: the log signed it and the witness cosigned it; it is of the tree that the manifest speaks of."""
    note = contents.read(found, files, layout.CHECKPOINT, stated.files)
    if note is None:
        return None
    with found.catch(Step.CHECKPOINT, layout.CHECKPOINT):
        verified = verify(note, log, witness)
        if verified.checkpoint.size != stated.size:
            raise IntegrityError("The checkpoint is of another size than the manifest")
        if verified.witnessed_at is None:
            found.add(Step.CHECKPOINT, "The witness's cosignature is missing", path=layout.CHECKPOINT)
        if witness is not None and witness.name != stated.witness.name:
            found.add(Step.CHECKPOINT, "The manifest names another witness", path=layout.MANIFEST)
        return verified
    return None


def read_hourly(
    found: Findings, files: Files, listed: Mapping[str, File], log: VerifierKey, witness: VerifierKey | None
) -> list[tuple[str, VerifiedCheckpoint]]:
    """V7, first half: each hour's locked checkpoint is signed, witnessed, and of its hour."""
    read: list[tuple[str, VerifiedCheckpoint]] = []
    for path in sorted(path for path in listed if path.startswith(_PREFIX)):
        note = contents.read(found, files, path, listed)
        if note is None:
            continue
        with found.catch(Step.HISTORY, path):
            verified = verify(note, log, witness)
            if verified.witnessed_at is None:
                raise IntegrityError("A locked checkpoint isn't witnessed")
            if not -_HOUR_SLACK <= verified.witnessed_at - _hour(path) < 3600 + _HOUR_SLACK:
                raise IntegrityError("A locked checkpoint is not of its hour")
            read.append((path, verified))
    return read


def _hour(path: str) -> int:
    try:
        return int(datetime.fromisoformat(f"{path.removeprefix(_PREFIX)}:00:00+00:00").timestamp())
    except (ValueError, OverflowError):
        raise IntegrityError("A locked checkpoint's name is no hour") from None


def check_history(
    found: Findings, nodes: Nodes, newest: VerifiedCheckpoint, older: list[tuple[str, VerifiedCheckpoint]]
) -> None:
    """V7, second half: each is the root of the log's first leaves."""
    for path, verified in older:
        checkpoint = verified.checkpoint
        if checkpoint.size > newest.checkpoint.size:
            found.add(Step.HISTORY, "The log is shorter than an older checkpoint of it", path=path)
            continue
        with found.catch(Step.HISTORY, path):
            if root_at(nodes, checkpoint.size) != checkpoint.root:
                raise IntegrityError("An older checkpoint is not a prefix of this log")


def read_saved(note: bytes, trust: Trust) -> VerifiedCheckpoint:
    """The checkpoint that the auditor kept. Raises InvalidInput: the auditor brings it."""
    try:
        if len(note) > MAX_NOTE:
            raise IntegrityError("a note is too long")
        return verify(note, trust.log, trust.witness)
    except IntegrityError as error:
        raise InvalidInput(f"The saved checkpoint can't be used: {error.detail}") from None


def witnessed(*checkpoints: VerifiedCheckpoint) -> list[Witnessed]:
    """Their sizes and times, sorted."""
    return sorted(
        Witnessed(each.checkpoint.size, each.witnessed_at) for each in checkpoints if each.witnessed_at is not None
    )
