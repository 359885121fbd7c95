"""An export's files of lines, each as its manifest says."""

from __future__ import annotations

import hashlib

from phivault.audit.export import layout
from phivault.audit.export.manifest import MAX_MANIFEST, parse
from phivault.audit.export.segments import MAX_LINES
from phivault.cli.audit.folder import Folder
from phivault.errors import IntegrityError, InvalidInput, NotFound


def lines_of(folder: Folder) -> list[str]:
    """Their paths, in the log's order. Raises InvalidInput where the folder is no export, or one of them isn't what the
    manifest says."""
    try:
        manifest = parse(folder.read(layout.MANIFEST, MAX_MANIFEST))
        for segment in manifest.segments:
            body, listed = folder.read(segment.lines, MAX_LINES), manifest.files[segment.lines]
            if hashlib.sha256(body).hexdigest() != listed.sha256:
                raise IntegrityError(f"{segment.lines} isn't what the manifest says")
    except NotFound:
        if not folder.root.is_dir():
            raise InvalidInput(f"{folder.root} is no folder: name that of an export") from None
        raise InvalidInput(f"{folder.root} is no whole export: a file is missing") from None
    except IntegrityError as error:
        raise InvalidInput(f"{folder.root} is no whole export: {error.detail}") from None
    return [segment.lines for segment in manifest.segments]
