"""The table of actions: every action has its row, and every event its risk and flags from it."""

from __future__ import annotations

from contextvars import Context

import pytest

from phivault.audit.canonical import EventLine, Link, encode
from phivault.audit.event import Action, RiskLevel
from phivault.audit.policy import DENY, DISCLOSURE, EVERY, PERMIT, PERSONAL, POLICY, flags_of, risk_of
from phivault.audit.system import key_event, request, system_event
from phivault.errors import AccessDenied, IntegrityError, NotFound, PhivaultError, TooManyRequests, Unauthenticated

PATIENT = "0199b3c2-0000-7000-8000-000000000001"
LINK = Link(writer="0" * 32, sequence=1, prev="0" * 64)


@pytest.mark.parametrize("action", Action)
def test_every_action_has_a_whole_row(action: Action) -> None:
    rule = POLICY[action]
    assert all((rule.by, rule.when, rule.hold, rule.flags))
    assert not set(rule.flags) & set(EVERY)


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("error", [None, AccessDenied(), IntegrityError(), NotFound()])
def test_whatever_happens_the_event_fits_the_schema(action: Action, error: PhivaultError | None) -> None:
    fields = {"patient": PATIENT, "classes": ("clinical", "sensitive"), "purpose": "RESEARCH"}
    tokens = ("token:access:900s", "token:id:900s", "token:refresh:43200s")
    encode(EventLine(system_event(action, error=error, flags=tokens, **fields), LINK))


@pytest.mark.parametrize(
    ("action", "error", "about", "risk"),
    [
        (Action.READ, None, {}, "LOW"),
        (Action.READ, None, {"classes": ("clinical", "sensitive")}, "MEDIUM"),
        (Action.READ, None, {"purpose": "EMERGENCY"}, "HIGH"),
        (Action.READ, NotFound(), {}, "LOW"),
        (Action.READ, AccessDenied(), {}, "MEDIUM"),
        (Action.READ, AccessDenied(), {"patient": PATIENT}, "HIGH"),
        (Action.READ, IntegrityError(), {}, "CRITICAL"),
        (Action.DELETE, None, {}, "HIGH"),
        (Action.DELETE, NotFound(), {}, "HIGH"),
        (Action.SIGN_IN, None, {}, "LOW"),
        (Action.SIGN_IN, Unauthenticated(), {}, "MEDIUM"),
        (Action.SIGN_IN, TooManyRequests(), {}, "HIGH"),
        (Action.TOKEN_REUSE, Unauthenticated(), {}, "CRITICAL"),
        (Action.AUDIT_SEARCH, AccessDenied(), {}, "HIGH"),
        (Action.KEY_DESTROY, None, {"patient": PATIENT}, "CRITICAL"),
        (Action.SYSTEM_MIGRATE, PhivaultError(), {}, "HIGH"),
    ],
)
def test_risk(action: Action, error: PhivaultError | None, about: dict[str, object], risk: str) -> None:
    assert risk_of(action, error, **about) is RiskLevel(risk)  # type: ignore[arg-type]  # a table of keywords


def test_a_decision_is_flagged_where_one_was_made() -> None:
    assert PERMIT in flags_of(Action.READ, patient=PATIENT, classes=("clinical",))
    assert DENY in flags_of(Action.READ, AccessDenied())
    assert PERMIT in flags_of(Action.DELETE)
    assert not {PERMIT, DENY} & set(flags_of(Action.READ, NotFound()))
    assert not {PERMIT, DENY} & set(flags_of(Action.SEARCH)), "asking decides nothing: what is returned does"
    assert PERMIT in flags_of(Action.SEARCH, patient=PATIENT, classes=("clinical",))
    assert not {PERMIT, DENY} & set(flags_of(Action.SIGN_IN, AccessDenied()))


def test_disclosures_are_flagged_as_the_rule_counts_them() -> None:
    released = {"patient": PATIENT, "classes": ("clinical",)}
    assert DISCLOSURE in flags_of(Action.READ, purpose="RESEARCH", **released)  # type: ignore[arg-type]
    for purpose in ("TREATMENT", "PAYMENT", "OPERATIONS", "PATIENT_REQUEST", "EMERGENCY"):
        assert DISCLOSURE not in flags_of(Action.READ, purpose=purpose, **released)  # type: ignore[arg-type]
    assert DISCLOSURE not in flags_of(Action.READ, AccessDenied(), purpose="RESEARCH", **released)  # type: ignore[arg-type]
    assert DISCLOSURE not in flags_of(Action.READ, purpose="RESEARCH", patient=PATIENT, classes=("deidentified",))
    assert DISCLOSURE in flags_of(Action.APP_EXPORT, patient=PATIENT)


def test_what_is_a_persons_is_flagged() -> None:
    assert PERSONAL in flags_of(Action.READ, patient=PATIENT)
    assert PERSONAL in flags_of(Action.PROFILE_READ, classes=("identifying",))
    assert PERSONAL not in flags_of(Action.READ, classes=("administrative",))


def test_a_key_is_named_without_a_slash() -> None:
    event = key_event(Action.KEY_CREATE, "north", f"Patient/{PATIENT}", 1)
    assert (event.resource, event.resource_id, event.patient) == ("SubjectKey", f"Patient:{PATIENT}", PATIENT)
    assert key_event(Action.KEY_CREATE, "north", "Tenant", 1).resource_id == "Tenant"
    assert key_event(Action.KEY_CREATE, "-", "Unattributed/2026-03-04", 1).patient == ""


def test_what_happens_beneath_a_request_names_it() -> None:
    beneath = Context()
    beneath.run(request.set, "request-1")
    assert beneath.run(system_event, Action.KEY_CREATE).request_id == "request-1"
    assert beneath.run(system_event, Action.KEY_CREATE, request_id="other").request_id == "other"
    assert Context().run(system_event, Action.KEY_CREATE).request_id == ""
