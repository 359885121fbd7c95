"""What is found, what is accounted for, and what is excused."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phivault.audit.canonical import EventLine, Link, encode
from phivault.audit.event import Action
from phivault.audit.reconcile.access_log import parse_line
from phivault.audit.reconcile.claims import Finding, Kind, Mention, Request, Unwrap
from phivault.audit.reconcile.cloudtrail import parse
from phivault.audit.reconcile.match import BEFORE_SECONDS, OPENING_SECONDS, Span, Tally, reconcile
from phivault.audit.reconcile.mentions import of_line
from phivault.audit.reconcile.ordered import by_time
from phivault.errors import IntegrityError, InvalidInput
from tests.support.audit import an_event
from tests.support.evidence import NOON, OPERATOR, ROLES, a_file, a_line, a_record, identity, stamp

EXPORTER = next(arn for arn, function in ROLES.items() if function == "exporter")
CACHE = 300


def unwrap(at: float = NOON, subject: str = "Patient/p1", **more: Any) -> Unwrap:
    (found,) = parse(a_file(a_record(at, subject, **more)), "f")
    return found


def request(at: float = NOON, id: str = "r1", **more: str) -> Request:
    return parse_line(a_line(at, id, **more), "f")


def said(at: float = NOON, **fields: Any) -> Mention:
    members = {"patient": "", "user_id": "u1", "request_id": "r1"} | fields
    event = an_event(timestamp=stamp(at), **members)
    found = of_line(encode(EventLine(event, Link(writer="ab" * 16, sequence=1, prev="0" * 64))))
    assert found is not None
    return found


def found(*claims: Unwrap | Request | Mention, **more: Any) -> list[Finding]:
    kinds: list[list[Any]] = [
        sorted((c for c in claims if isinstance(c, kind)), key=lambda c: c.at) for kind in (Unwrap, Request, Mention)
    ]
    return list(reconcile(*kinds, roles=ROLES, cache_seconds=CACHE, **more))


def kinds(*claims: Unwrap | Request | Mention, **more: Any) -> list[Kind]:
    return [one.kind for one in found(*claims, **more)]


@pytest.mark.parametrize("after", [-BEFORE_SECONDS, -1, 0, 1, CACHE])
def test_an_unwrap_with_an_event_around_its_time_is_accounted_for(after: float) -> None:
    assert kinds(unwrap(), said(NOON + after, patient="p1")) == []


@pytest.mark.parametrize("after", [-BEFORE_SECONDS - 0.001, CACHE + 0.001])
def test_an_event_at_another_time_accounts_for_nothing(after: float) -> None:
    assert kinds(unwrap(), said(NOON + after, patient="p1")) == [Kind.UNRECORDED_UNWRAP]


@pytest.mark.parametrize(
    ("subject", "event"),
    [
        ("Patient/p1", {"patient": "p1"}),
        ("User/u1", {}),
        ("Patient/p1", {"resource": "SubjectKey", "resource_id": "Patient:p1", "action": Action.KEY_RESEAL}),
        ("RelatedPerson/x", {"resource": "SubjectKey", "resource_id": "RelatedPerson:x", "action": Action.KEY_ROTATE}),
        ("Project/s-7", {"resource": "SubjectKey", "resource_id": "Project:s-7", "action": Action.KEY_REWRAP}),
        ("Index", {"resource": "SubjectKey", "resource_id": "Patient:p2", "action": Action.KEY_RESEAL}),
        ("Tenant", {"resource": "SubjectKey", "resource_id": "Tenant", "action": Action.KEY_RESEAL}),
        ("User/u2", {"personal_subject": "User/u2"}),
        ("Unattributed/2026-03-04", {"personal_subject": "Unattributed/2026-03-04"}),
        ("Unattributed/2026-03-01", {"personal_subject": "Unattributed/2026-03-04"}),
        ("RelatedPerson/x", {"resource": "RelatedPerson", "resource_id": "x", "patient": "p1"}),
        ("RelatedPerson/x", {"resource": "RelatedPerson", "resource_id": "", "action": Action.SEARCH}),
        ("User/u9", {"resource": "User", "resource_id": "u9", "action": Action.USER_READ}),
        ("User/u9", {"resource": "User", "resource_id": "", "action": Action.USER_LIST}),
        ("User/u9", {"resource": "User", "resource_id": "", "action": Action.USER_EXPORT}),
        ("Patient/p9", {"resource": "SubjectKey", "resource_id": "Patient:p9", "action": Action.KEY_CREATE}),
        ("Tenant", {}),
    ],
)
def test_every_subject_has_events_that_account_for_it(subject: str, event: dict[str, Any]) -> None:
    assert kinds(unwrap(subject=subject), said(**event)) == []
    assert kinds(unwrap(subject=subject), said(**event | {"tenant": "south"})) == [Kind.UNRECORDED_UNWRAP]


@pytest.mark.parametrize("subject", ["Patient/p2", "Patient/p", "Patient/p11", "RelatedPerson/p1", "User/p1", ""])
def test_an_event_for_another_subject_accounts_for_nothing(subject: str) -> None:
    (one,) = found(unwrap(subject=subject), said(patient="p1"))
    assert (one.kind, one.subject) == (Kind.UNRECORDED_UNWRAP, subject)


def test_a_principal_that_is_no_function_is_named_whatever_the_log_says() -> None:
    claim = unwrap(userIdentity=OPERATOR)
    (one,) = found(claim, said(patient="p1"))
    assert (one.kind, one.id, one.principal) == (Kind.FOREIGN_UNWRAP, claim.id, OPERATOR["arn"])
    assert (one.tenant, one.subject, one.at) == ("north", "Patient/p1", NOON)


@pytest.mark.parametrize(
    "role", ["arn:aws:iam::123456789012:role/phivault-records2", "arn:aws:iam::1:role/phivault-records"]
)
def test_a_role_like_ours_is_not_ours(role: str) -> None:
    assert kinds(unwrap(userIdentity=identity(role)), said(patient="p1")) == [Kind.FOREIGN_UNWRAP]


def test_a_foreign_attempt_is_named_and_a_refusal_of_ours_is_not() -> None:
    assert kinds(unwrap(userIdentity=OPERATOR, errorCode="AccessDenied")) == [Kind.FOREIGN_ATTEMPT]
    assert kinds(unwrap(errorCode="InvalidCiphertextException")) == []


def test_the_databases_key_is_our_functions_to_open_and_nobody_elses() -> None:
    context = {"requestParameters": {"encryptionContext": {"purpose": "tenant-context"}}}
    assert kinds(unwrap(**context)) == []
    assert kinds(unwrap(**context, userIdentity=OPERATOR)) == [Kind.FOREIGN_UNWRAP]


def test_none_of_our_functions_wraps_a_key_for_somebody_else() -> None:
    record = a_record(eventName="ReEncrypt")
    record["requestParameters"] = {"sourceEncryptionContext": record["requestParameters"]["encryptionContext"]}
    (claim,) = parse(a_file(record), "f")
    assert kinds(claim, said(patient="p1")) == [Kind.FOREIGN_UNWRAP]


def test_the_exporter_opens_what_it_recorded_to_open() -> None:
    claim = unwrap(subject="User/u7", userIdentity=identity(EXPORTER))
    opening = said(NOON - OPENING_SECONDS, action=Action.AUDIT_OPEN)
    assert kinds(claim, opening) == []
    assert kinds(claim, said(NOON - OPENING_SECONDS, action=Action.AUDIT_OPEN, tenant="south")) != []
    assert kinds(claim, said(personal_subject="User/u7")) == [Kind.UNRECORDED_UNWRAP]
    assert kinds(unwrap(subject="User/u7"), opening) == [Kind.UNRECORDED_UNWRAP]


def test_a_request_needs_an_event_with_its_id() -> None:
    assert kinds(request(id="r1"), said(request_id="r1")) == []
    (one,) = found(request(id="r2", status="201"), said(request_id="r1"))
    assert (one.kind, one.id, one.what) == (Kind.UNRECORDED_REQUEST, "r2", "GET /v1/fhir/{type}/{id} 201")


@pytest.mark.parametrize(
    "line",
    [
        {"route": "/healthz"},
        {"route": "/v1/fhir/metadata"},
        {"method": "OPTIONS", "route": "-"},
        {"answered": "UNAUTHORIZED", "status": "401"},
        {"answered": "ACCESS_DENIED", "status": "403"},
        {"answered": "THROTTLED", "status": "429"},
        {"answered": "MISSING_AUTHENTICATION_TOKEN", "status": "404"},
    ],
)
def test_what_no_function_answered_or_touches_nothing_is_exempt(line: dict[str, str]) -> None:
    tally = Tally()
    assert found(request(**line), tally=tally) == []
    assert tally.exempt + tally.before_functions == 1


@pytest.mark.parametrize(
    "line", [{"status": "503", "bytes": "300"}, {"status": "502", "answered": "INTEGRATION_FAILURE"}]
)
def test_what_released_nothing_is_excused_by_name(line: dict[str, str]) -> None:
    (one,) = found(request(**line))
    assert one.excused


def test_a_503_with_room_for_data_is_not_excused() -> None:
    assert kinds(request(status="503", bytes="9000")) == [Kind.UNRECORDED_REQUEST]


def test_after_the_logs_end_an_unwrap_is_found_and_a_request_named() -> None:
    claims = (unwrap(), request(), said(NOON - 3600))
    late = found(*claims, span=Span(until=NOON - 3600))
    assert {one.kind: one.excused for one in late} == {Kind.LATE_UNWRAP: False, Kind.LATE_REQUEST: True}
    assert set(kinds(*claims, span=Span(until=NOON + 11))) == {Kind.UNRECORDED_UNWRAP, Kind.UNRECORDED_REQUEST}


def test_before_the_logs_beginning_only_foreigners_are_named() -> None:
    span, tally = Span(since=NOON + 3600), Tally()
    claims = (unwrap(), unwrap(userIdentity=OPERATOR), request(), said(NOON + 3600))
    assert kinds(*claims, span=span, tally=tally) == [Kind.FOREIGN_UNWRAP]
    assert tally.older == 2


def test_an_order_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidInput, match="unwraps are not in order"):
        list(reconcile([unwrap(NOON), unwrap(NOON - 1)], [], [], roles=ROLES))


SMALL = st.integers(0, 3000)


@given(
    st.lists(st.tuples(SMALL, st.sampled_from(["p1", "p2"])), max_size=15),
    st.lists(st.tuples(SMALL, st.sampled_from(["p1", "p2"])), max_size=15),
)
def test_the_window_finds_what_a_look_at_everything_finds(
    unwraps: list[tuple[int, str]], events: list[tuple[int, str]]
) -> None:
    claims = [Unwrap(at, f"{n}", "Decrypt", next(iter(ROLES)), "north", f"Patient/{p}", "subject-key")
              for n, (at, p) in enumerate(unwraps)]  # fmt: skip
    mentions = [Mention(at, (f"north Patient/{p}",)) for at, p in events]
    expected = {
        claim.id
        for claim in claims
        if not any(
            claim.at - BEFORE_SECONDS <= at <= claim.at + CACHE and claim.subject == f"Patient/{p}" for at, p in events
        )
    }
    assert {one.id for one in found(*claims, *mentions)} == expected


def test_any_number_is_put_in_order_of_time() -> None:
    items = [Mention(float(at * 7919 % 1000), (f"k{at}", "x y")) for at in range(1000)]
    assert list(by_time(Mention, items, run=64)) == sorted(items, key=lambda one: one.at)
    claims = [unwrap(NOON - n) for n in range(10)]
    assert list(by_time(Unwrap, claims, run=3)) == claims[::-1]


def test_memory_is_bounded_by_the_window() -> None:
    def events(number: int) -> Iterator[Mention]:
        for second in range(number):
            yield Mention(float(second), tuple(f"north Patient/{second}-{n}" for n in range(5)))

    def peak(number: int) -> int:
        tracemalloc.start()
        claims = (Request(float(second), f"r{second}", "GET", "/healthz", 200) for second in range(number))
        list(reconcile([], claims, events(number), roles=ROLES))
        (_, most), _ = tracemalloc.get_traced_memory(), tracemalloc.stop()
        return most

    assert peak(20_000) < 1.5 * peak(5_000)


@pytest.mark.parametrize(
    "line", [b"", b"[]", b"{}", b'{"kind":"event"}', b'{"kind":"other"}', b"\xff", b"[" * 10**5, b'{"kind":[]}']
)
def test_a_line_that_is_none_is_refused(line: bytes) -> None:
    with pytest.raises(IntegrityError):
        of_line(line)


def test_what_is_asked_for_in_a_research_project_accounts_for_the_projects_key() -> None:
    opened = unwrap(subject="Project/study-7")
    assert kinds(opened, said(flags=("project:study-7",))) == []
    assert kinds(opened, said(flags=("project:study-8",))) == [Kind.UNRECORDED_UNWRAP]
    assert kinds(opened, said(flags=("project:study-7",), tenant="another")) == [Kind.UNRECORDED_UNWRAP]


def test_what_is_done_in_a_tenant_accounts_for_the_key_of_its_index() -> None:
    opened = unwrap(subject="Index")
    assert kinds(opened, said()) == []
    assert kinds(opened) == [Kind.UNRECORDED_UNWRAP]
    assert kinds(opened, said(tenant="another")) == [Kind.UNRECORDED_UNWRAP]


def test_a_withheld_line_says_what_to_do() -> None:
    with pytest.raises(InvalidInput, match="export of all tenants"):
        of_line(b'{"kind":"withheld"}')
