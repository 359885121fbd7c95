"""Step 8: an operator opens a patient's key with KMS itself, past the product and its records."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from local.demo.desk import Desk, Ran
from local.demo.exchange import Exchange
from local.demo.lab import Lab
from phivault.adapters.dynamodb_subject_keys import DynamoDbSubjectKeys
from phivault.adapters.kms_wrapper import KmsKeyWrapper

DELIVERED_SECONDS = 10


def play(lab: Lab) -> Iterator[Exchange]:
    subject = f"Patient/{lab.tenant.patients[0]}"
    began = time.time()
    yield _opened(lab, subject)
    with Desk.at(lab) as desk:
        exported = desk.phivault("audit", "export", "export")
        if exported.status:
            raise RuntimeError("The export failed")
        yield _named(_reconciled(desk, subject, began))


def _opened(lab: Lab, subject: str) -> Exchange:
    resources = lab.stack.resources
    stored = DynamoDbSubjectKeys(resources.subject_keys_table).newest(lab.tenant_id, subject)
    assert stored is not None
    assert stored.wrapped is not None
    key = KmsKeyWrapper(resources.subject_key_arn).unwrap(lab.tenant_id, subject, stored.wrapped)
    request = f"kms:Decrypt of version {stored.version}, context {lab.tenant_id} {subject}"
    return Exchange(
        "Open a patient's key as an operator", request, f"{len(key)} bytes", True, "AWS allows operators this"
    )


def _reconciled(desk: Desk, subject: str, began: float) -> tuple[Ran, dict[str, str]]:
    """With the finding about that use of the key, once AWS's trail has delivered it; {} where it stays out."""
    evidence, until = str(desk.lab.stack.workspace.folder.resolve() / "evidence"), began + DELIVERED_SECONDS
    while True:
        ran = desk.phivault("audit", "reconcile", evidence, "--export", "export", "--json")
        for one in json.loads(ran.output).get("findings", []):
            # The trail tells whole seconds.
            late_enough = datetime.fromisoformat(one["at"]).timestamp() >= int(began)
            if one["kind"] == "foreign-unwrap" and one["subject"] == subject and late_enough:
                return ran, one
        if time.time() > until:
            return ran, {}
        time.sleep(0.5)


def _named(found: tuple[Ran, dict[str, str]]) -> Exchange:
    ran, finding = found
    kept = ran.status == 1 and bool(finding)
    shown = json.dumps(finding or json.loads(ran.output), indent=1)
    verdict = "Named: who opened whose key, when, without a record" if kept else "Not named"
    return replace(ran, output=shown).exchange("Compare AWS's trail with the audit log", kept=kept, verdict=verdict)
