"""A proof from the running stack, checked with the verifier keys that the stack published and nothing else of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from phivault.audit.log import proof as proofs
from phivault.audit.log.checkpoint import verify
from phivault.audit.log.note import VerifierKey
from phivault.errors import IntegrityError
from tests.support.accounts import eventually
from tests.support.answers import ok, refused

if TYPE_CHECKING:
    import httpx

    from tests.support.stack import RunningStack

    type Look = Callable[[httpx.Response], list[dict[str, Any]]]

SEALED_WITHIN = 120


def test_an_event_is_proven_once_it_is_sealed(
    stack: RunningStack, clinician: httpx.Client, auditor: httpx.Client, events_of: Look, sick: str
) -> None:
    event = events_of(clinician.get(f"/fhir/Patient/{sick}"))[0]
    place = f"/audit/events/{event['id']}/proof"

    def proven() -> httpx.Response | None:
        answer = auditor.get(place)
        if answer.status_code == 503:
            assert answer.headers["retry-after"] == "60"
            return None
        assert answer.status_code == 200, answer.text
        return answer

    found: httpx.Response = eventually(proven, seconds=SEALED_WITHIN)
    log_key, witness_key = (VerifierKey.parse(stack.facts[name]) for name in ("log_vkey", "witness_vkey"))
    proof = proofs.parse(found.content)
    proven_under = proof.verify(proof.extra, log_key, witness_key)
    assert proven_under.witnessed_at is not None
    assert {name: event[name] for name in json.loads(proof.extra)} == json.loads(proof.extra)

    newest = verify(auditor.get("/audit/checkpoint").content, log_key, witness_key)
    assert newest.witnessed_at is not None
    assert newest.checkpoint.size >= proven_under.checkpoint.size > proof.index
    with pytest.raises(IntegrityError):
        proof.verify(proof.extra.replace(b"fhir.read", b"fhir.vread"), log_key, witness_key)

    refused(stack.api("auditor", stack.tenants[1]).get(place), 404)


def test_the_same_event_as_fhir(clinician: httpx.Client, auditor: httpx.Client, events_of: Look, sick: str) -> None:
    event = events_of(clinician.get(f"/fhir/Patient/{sick}"))[0]
    shown = ok(auditor.get(f"/fhir/AuditEvent/{event['id']}"))
    assert shown["meta"]["profile"][0].endswith("IHE.BasicAudit.PatientRead")
    page = ok(auditor.get("/fhir/AuditEvent", params={"patient": sick, "action": "R", "_count": "1"}))
    assert page["entry"][0]["resource"]["action"] == "R"
    assert any(link["relation"] == "next" for link in page["link"])
