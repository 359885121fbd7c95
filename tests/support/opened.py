"""What is sealed in a running stack, opened with its own keys, each value under the place that its envelope is in."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from phivault.access.principal import Personal
from phivault.adapters.dynamodb_subject_keys import DynamoDbSubjectKeys
from phivault.adapters.kms_wrapper import KmsKeyWrapper
from phivault.crypto import envelope
from phivault.crypto.element import SealContext
from phivault.crypto.subject_keys import SubjectKeys
from phivault.identity import contact, personal
from tests.support import stored
from tests.support.stack import RunningStack

TOKENS = "phi.search_tokens"
"""Its rows hold keyed hashes, which nothing opens, and no time. Any other table there holds envelopes."""


@dataclass(frozen=True)
class Opened:
    """``place`` is as tests.support.stored has it, ``type`` the resource's; ``name`` is the element's, ``sealed`` the
    whole envelope."""

    place: str
    name: str
    value: bytes
    sealed: bytes
    type: str = ""


@dataclass
class Opener:
    """The environment must lead to the stack's AWS endpoints. ``since``: what was stored before isn't opened."""

    stack: RunningStack
    since: datetime

    @cached_property
    def keys(self) -> SubjectKeys:
        settings = self.stack.facts["settings"]
        store = DynamoDbSubjectKeys(settings["PHIVAULT_SUBJECT_KEYS_TABLE"])
        return SubjectKeys(store, KmsKeyWrapper(settings["PHIVAULT_SUBJECT_KEY_ARN"]), cache_size=10_000)

    def everything(self) -> Iterator[Opened]:
        for table, row in stored.table_rows(self.stack):
            if table.startswith("phi.") and table != TOKENS and row["at"] >= self.since:
                yield from self.record(f"postgres {table} envelope", row)
        for kind, row in stored.items(self.stack):
            yield from self.row(kind, row)
        for line in self.lines():
            yield from self.event(line)

    def record(self, place: str, row: dict[str, Any]) -> Iterator[Opened]:
        sealed = row["envelope"]
        if sealed is not None:
            context = SealContext(row["tenant_id"], row["subject"], row["type"], row["id"], row["version"])
            yield from self.opened(place, sealed, context)

    def row(self, kind: str, row: dict[str, Any]) -> Iterator[Opened]:
        """Of AccessState; what is sealed for a person says so itself."""
        place = f"dynamodb {kind}"
        if "personal" in row:
            person = Personal(row["personal_subject"], row["personal_ref"], bytes(row["personal"]))
            if person.subject == "Tenant":
                context = SealContext(_tenant(row), person.subject, "Proposal", person.ref, 1)
                yield from self.opened(f"{place} personal", person.sealed, context)
            else:
                yield from self.person(f"{place} personal", _tenant(row), person)
        for name, version in (("note", 1), ("review_note", 2)):
            if bytes(row.get(name, b"")):
                tenant = str(row["pk"]).split("#")[1]
                context = SealContext(tenant, f"Patient/{row['patient']}", "BreakGlass", row["sk"], version)
                yield from self.opened(f"{place} {name}", bytes(row[name]), context)

    def lines(self) -> Iterator[dict[str, Any]]:
        """Every event of the log, from the index: tests elsewhere hold the two together."""
        lines = (json.loads(row["line"]) for kind, row in stored.items(self.stack) if kind == "AuditIndex event")
        return (line for line in lines if datetime.fromisoformat(line["timestamp"]) >= self.since)

    def event(self, line: dict[str, Any]) -> Iterator[Opened]:
        if line["personal"]:
            sealed = base64.b64decode(line["personal"])
            person = Personal(line["personal_subject"], line["personal_ref"], sealed)
            yield from self.person("audit event personal", line["tenant"], person)

    def person(self, place: str, tenant: str, person: Personal) -> Iterator[Opened]:
        if person.subject.startswith("Unattributed/"):
            tenant = personal.NO_TENANT
        if any(kind in place for kind in ("SIGN-UP#", "INVITATION#")):
            to = contact.unseal(self.keys, person)
            values = {"email": to.email, "phone_number": to.phone_number}
        else:
            values = personal.unseal(self.keys, tenant, person)
        for name, value in values.items():
            yield Opened(place, name, value.encode(), person.sealed)

    def opened(self, place: str, sealed: bytes, context: SealContext) -> Iterator[Opened]:
        key = self.keys.for_unsealing(context.tenant, context.subject, envelope.read_header(sealed).key_version)
        for name, value in envelope.unseal(key, context, sealed).items():
            yield Opened(place, name, value, sealed, context.type)


def _tenant(row: dict[str, Any]) -> str:
    """Of a user's own row or of the directory."""
    return str(row.get("tenant") or str(row["pk"]).partition("T#")[2].partition("#")[0])
