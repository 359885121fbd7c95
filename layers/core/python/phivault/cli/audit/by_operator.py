"""An export that an operator asks the exporter for, with AWS credentials."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from phivault.adapters.lambda_invoke import invoke
from phivault.adapters.s3_exports import S3Exports, S3Folder
from phivault.audit.export import layout
from phivault.audit.export.job import check_tenant
from phivault.audit.export.manifest import parse
from phivault.cli.audit.download import Fetch
from phivault.cli.operator import act
from phivault.errors import NotFound, Unavailable
from phivault.settings import settings

EXPORTER_SECONDS: Final = 900


def order(tenant: str, since: int, *, open: bool) -> S3Export:
    """Once it is done. Raises InvalidInput for what is no tenant's id, NotFound for a tenant (or a part of the log)
    that isn't there, Unavailable with the code of what failed."""
    check_tenant(tenant)
    act("exporter_function")
    asked: dict[str, Any] = {"tenant": tenant, "since": since, "open": open}
    said = invoke(settings().exporter_function, asked, wait_seconds=EXPORTER_SECONDS)
    if "error" in said or "id" not in said:
        kind = NotFound if said.get("error") == NotFound.code else Unavailable
        why = said.get("detail") or f"{said.get('error', 'no answer')}; the exporter's log says why"
        raise kind(f"The export failed: {why}")
    return S3Export(S3Exports(said["bucket"]).folder(said["id"]))


@dataclass(frozen=True, slots=True)
class S3Export:
    """Fills phivault.cli.audit.download.Export."""

    folder: S3Folder

    def files(self) -> Iterator[tuple[str, Fetch]]:
        manifest = self.folder.get(layout.MANIFEST)
        yield layout.MANIFEST, lambda: manifest
        for path in (layout.SIGNATURE, *parse(manifest).files):
            yield path, partial(self.folder.get, path)

    def personal(self) -> bytes:
        return self.folder.get_personal()
