"""What docs/embedding.md and the module itself show, run against the local endpoints."""

from __future__ import annotations

import doctest
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from phivault import bootstrap, embedding, settings
from phivault.audit.event import Action, AuditEvent
from phivault.audit.query import search
from phivault.errors import AccessDenied, Gone, IntegrityError, InvalidInput, Unavailable
from phivault.ids import uuid7

if TYPE_CHECKING:
    from local.aws import LocalAws
    from local.aws_resources import Resources

PAGE = Path(__file__).resolve().parents[2] / "docs" / "embedding.md"


@pytest.fixture(autouse=True)
def environment(aws: Resources, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in aws.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PHIVAULT_PROFILE", "local")
    made = (settings.settings, bootstrap.recorder, bootstrap.audit_index, bootstrap.subject_keys)
    for each in made:
        each.cache_clear()
    yield
    for each in made:
        each.cache_clear()


@pytest.fixture
def tenant() -> str:
    return f"tenant-{uuid7()}"


def recorded(tenant: str) -> list[AuditEvent]:
    """Oldest first."""
    return [each.entry.event for each in reversed(search(bootstrap.audit_index(), tenant, limit=100).found)]


def test_the_page_shows_what_happens() -> None:
    done = doctest.testfile(str(PAGE), module_relative=False)
    assert (done.failed, done.attempted > 8) == (0, True)


def test_the_module_shows_what_happens() -> None:
    done = doctest.testmod(embedding)
    assert (done.failed, done.attempted > 6) == (0, True)


def test_an_event_is_kept_as_it_was_told(tenant: str) -> None:
    id = embedding.record(
        "app.read",
        tenant=tenant,
        user_id="u-1",
        patient="p-1",
        resource="Letter",
        resource_id="l-1",
        purpose="RESEARCH",
        classes={"clinical", "contact"},
        request_id="r-1",
    )
    (event,) = recorded(tenant)
    assert (event.id, event.action, event.success, event.risk) == (id, Action.APP_READ, True, "LOW")
    assert (event.user_id, event.patient, event.resource, event.resource_id) == ("u-1", "p-1", "Letter", "l-1")
    assert (event.classes, event.purpose, event.request_id) == (("clinical", "contact"), "RESEARCH", "r-1")
    assert {"gdpr:art5.2", "hipaa:164.312.b", "hipaa:164.528"} <= set(event.flags)


def test_failures_and_refusals_are_told_apart(tenant: str) -> None:
    embedding.record("app.other", tenant=tenant, user_id="u-1", success=False)
    embedding.record("app.read", tenant=tenant, user_id="u-1", patient="p-1", error=AccessDenied())
    assert [(event.success, event.error, event.risk) for event in recorded(tenant)] == [
        (False, "internal", "MEDIUM"),
        (False, "denied", "HIGH"),
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        {"action": "fhir.read"},
        {"action": "key.destroy"},
        {"action": "Jorun Zebrowski"},
        {"user_id": "jorun@example.test"},
        {"patient": "Jorun Zebrowski"},
        {"resource": "a letter"},
        {"purpose": "CURIOSITY"},
        {"classes": ["secret"]},
        {"tenant": ""},
    ],
    ids=str,
)
def test_what_is_no_id_or_word_of_ours_is_refused_unrepeated(tenant: str, wrong: dict[str, object]) -> None:
    given = {"action": "app.read", "tenant": tenant, "user_id": "u-1"} | wrong
    with pytest.raises(InvalidInput) as refused:
        embedding.record(**given)  # type: ignore[arg-type]  # that is the point
    assert "orun" not in str(refused.value)
    assert recorded(tenant) == []


def test_what_cannot_be_recorded_raises(tenant: str, aws_endpoints: LocalAws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHIVAULT_AUDIT_BUCKET", "there-is-none")
    settings.settings.cache_clear()
    with pytest.raises(Unavailable):
        embedding.record("app.read", tenant=tenant, user_id="u-1")


def test_making_a_key_is_recorded_and_destroying_it_ends_what_it_sealed(tenant: str) -> None:
    sealed = embedding.seal(tenant, "Patient/p-1", "note", b"x")
    assert embedding.seal(tenant, "Patient/p-1", "note", b"x") != sealed
    assert embedding.unseal(tenant, "Patient/p-1", "note", sealed) == b"x"
    assert [(event.action, event.patient) for event in recorded(tenant)] == [(Action.KEY_CREATE, "p-1")]
    bootstrap.subject_keys().destroy(tenant, "Patient/p-1")
    with pytest.raises(Gone):
        embedding.unseal(tenant, "Patient/p-1", "note", sealed)
    with pytest.raises(Gone):
        embedding.seal(tenant, "Patient/p-1", "note", b"x")


def test_a_value_opens_nowhere_else(tenant: str) -> None:
    sealed = embedding.seal(tenant, "Patient/p-1", "note", b"x")
    embedding.seal(tenant, "Patient/p-2", "note", b"y")
    for subject, name in (("Patient/p-2", "note"), ("Patient/p-1", "other")):
        with pytest.raises(IntegrityError):
            embedding.unseal(tenant, subject, name, sealed)
    for bytes_ in (b"", b"not an envelope", sealed[:-1], sealed + b"\0"):
        with pytest.raises(IntegrityError):
            embedding.unseal(tenant, "Patient/p-1", "note", bytes_)


@pytest.mark.parametrize("name", ["", "n" * 70_000, "Jørun"])
def test_names_that_cannot_be_bound_are_refused(tenant: str, name: str) -> None:
    with pytest.raises(InvalidInput):
        embedding.seal(tenant, "Patient/p-1", name, b"x")
