"""Periods that only grow, holds that stand until lifted, and both on the objects that they are for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phivault.audit.canonical import EventLine, parse
from phivault.audit.event import Action, AuditEvent, RiskLevel
from phivault.audit.recorder import Recorder, Writer, next_batch
from phivault.audit.retain import Applier, count, owners_of
from phivault.audit.retention import Retention, Rules, days_for
from phivault.errors import Conflict, IntegrityError, InvalidInput, NotFound, Unavailable, Unprocessable
from tests.support.audit import MemoryEvents, MemoryIndex, an_event
from tests.support.retention import MemoryObjects, MemoryRules

WRITTEN = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
DEFAULT = 100


class Desk:
    def __init__(self, *failures: str) -> None:
        self.rules = MemoryRules()
        self.log = MemoryEvents(*failures)
        recorder = Recorder(self.log, MemoryIndex(), deadline_seconds=1)
        self.objects = MemoryObjects(dict(BUCKET), WRITTEN)
        self.retention = Retention(
            self.rules,
            recorder,
            default_days=DEFAULT,
            by="AKIAOPERATOR",
            knows=Applier(self.rules, self.objects, default_days=DEFAULT).knows,
            now=lambda: WRITTEN,
        )

    @property
    def events(self) -> list[AuditEvent]:
        lines = [parse(line) for chain in self.log.chains().values() for line in chain]
        return [line.event for line in lines if isinstance(line, EventLine)]


def test_the_default_holds_until_it_is_extended() -> None:
    desk = Desk()
    assert desk.retention.days("north") == DEFAULT
    desk.retention.extend("north", 200)
    assert (desk.retention.days("north"), desk.retention.days("south")) == (200, DEFAULT)


@pytest.mark.parametrize("days", [1, DEFAULT - 1, DEFAULT])
def test_a_period_is_never_shortened(days: int) -> None:
    desk = Desk()
    with pytest.raises(Unprocessable, match="only be extended: it is 100 days"):
        desk.retention.extend("north", days)
    (event,) = desk.events
    assert (event.action, event.success, event.error) == (Action.AUDIT_RETENTION, False, "unprocessable")
    assert (event.risk, event.tenant, event.version) == (RiskLevel.HIGH, "north", days)
    assert (event.user_id, event.role) == ("AKIAOPERATOR", "operator")


def test_a_stored_period_is_never_shortened_either() -> None:
    desk = Desk()
    desk.retention.extend("north", 300)
    with pytest.raises(Unprocessable, match="it is 300 days"):
        desk.retention.extend("north", 299)


def test_whoever_extends_less_at_the_same_moment_is_refused() -> None:
    desk = Desk()

    class Slow(MemoryRules):
        def rules(self) -> Rules:
            return Rules()

    slow = Slow()
    slow.days["north"] = 500
    recorder = Recorder(desk.log, MemoryIndex(), deadline_seconds=1)
    desk.retention = Retention(slow, recorder, default_days=1, by="x", knows=lambda _: True)
    with pytest.raises(Unprocessable):
        desk.retention.extend("north", 400)
    assert slow.days["north"] == 500
    assert [event.error for event in desk.events] == ["", "unprocessable"]


@pytest.mark.parametrize("days", [0, -5, 36_501])
def test_a_period_has_bounds(days: int) -> None:
    with pytest.raises(InvalidInput):
        Desk().retention.extend("north", days)


def test_an_extension_is_recorded_before_it_is_in_force() -> None:
    desk = Desk("before")
    with pytest.raises(Unavailable):
        desk.retention.extend("north", 200)
    assert desk.rules.days == {}


def test_an_extension_says_who_and_how_long() -> None:
    desk = Desk()
    desk.retention.extend("north", 200)
    (event,) = desk.events
    assert (event.action, event.risk) == (Action.AUDIT_RETENTION, RiskLevel.HIGH)
    assert (event.tenant, event.user_id, event.version) == ("north", "AKIAOPERATOR", 200)


def test_a_hold_is_recorded_before_it_stands_and_before_it_is_lifted() -> None:
    desk = Desk()
    desk.retention.place("north", "case-1", "patient-1")
    desk.retention.lift("north", "case-1", "patient-1")
    placed, lifted = desk.events
    assert {placed.action, lifted.action} == {Action.AUDIT_HOLD}
    assert (placed.risk, placed.resource_id, placed.patient) == (RiskLevel.HIGH, "case-1", "patient-1")
    assert "hold:placed" in placed.flags
    assert "hold:lifted" in lifted.flags
    assert [change.what for change in desk.retention.history("north")] == ["placed", "lifted"]
    for failing in (Desk("before"), Desk("after")):
        with pytest.raises(Unavailable):
            failing.retention.place("north", "case-1")
        assert failing.retention.holds("north") == []


def test_a_hold_stands_once_and_is_lifted_once() -> None:
    desk = Desk()
    desk.retention.place("north", "case-1")
    with pytest.raises(Conflict):
        desk.retention.place("north", "case-1")
    desk.retention.lift("north", "case-1")
    with pytest.raises(NotFound):
        desk.retention.lift("north", "case-1")
    assert [event.error for event in desk.events] == ["", "conflict", "", "not-found"]
    refused = [event for event in desk.events if event.error]
    assert all((event.action, event.risk) == (Action.AUDIT_HOLD, RiskLevel.HIGH) for event in refused)
    assert not any(event.success for event in refused)
    assert [(event.tenant, event.resource_id) for event in refused] == [("north", "case-1")] * 2
    assert "hold:placed" in refused[0].flags
    assert "hold:lifted" in refused[1].flags


@pytest.mark.parametrize("what", ["extend", "place"])
def test_what_the_store_fails_at_is_recorded_too(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise Unavailable("down")

    desk = Desk()
    monkeypatch.setattr(desk.rules, what, fail)
    with pytest.raises(Unavailable):
        desk.retention.extend("north", 200) if what == "extend" else desk.retention.place("north", "case-1")
    assert [(event.error, event.success) for event in desk.events] == [("", True), ("unavailable", False)]


def test_a_tenant_that_the_log_knows_nothing_of_is_refused_on_record() -> None:
    desk = Desk()
    for change in (desk.retention.extend, desk.retention.place):
        with pytest.raises(NotFound, match="no line of this tenant"):
            change("nosuch", 200 if change == desk.retention.extend else "case-1")  # type: ignore[arg-type]  # by turns
    with pytest.raises(NotFound):
        desk.retention.check("nosuch")
    assert (desk.rules.days, desk.rules.held) == ({}, {})
    assert [(event.tenant, event.error, event.success) for event in desk.events] == [("nosuch", "not-found", False)] * 2
    for known in ("north", "south"):
        desk.retention.check(known)


def test_a_tenant_about_to_be_created_is_named_as_new_once() -> None:
    desk = Desk()
    desk.retention.extend("soon", 200, new=True)
    desk.retention.extend("soon", 300)
    desk.retention.place("sooner", "case-1", new=True)
    desk.retention.place("sooner", "case-2")
    with pytest.raises(Unprocessable):
        desk.retention.extend("later", 1, new=True)


def test_what_operators_typed_makes_no_tenant() -> None:
    desk = Desk()
    for action in (
        Action.AUDIT_HOLD,
        Action.AUDIT_RETENTION,
        Action.AUDIT_EXPORT,
        Action.AUDIT_OPEN,
        Action.KEY_DESTROY,
    ):
        typed = an_event(tenant="nosuch", role="operator", action=action)
        desk.objects.bodies[f"ev/2026/03/04/06/aa/{action}.json"] = body(typed)
    about = an_event(tenant="north", user_id="nosuch")
    desk.objects.bodies["ev/2026/03/04/06/bb/1.json"] = body(about)
    with pytest.raises(NotFound):
        desk.retention.check("nosuch")
    desk.objects.bodies["ev/2026/03/04/06/cc/1.json"] = body(an_event(tenant="nosuch", role="operator"))
    desk.retention.check("nosuch")


@pytest.mark.parametrize("case", ["", "case 1", "Müller v. North", "a#b", "x" * 65])
def test_a_case_is_an_opaque_id(case: str) -> None:
    with pytest.raises(InvalidInput):
        Desk().retention.place("north", case)


@given(st.dictionaries(st.sampled_from("abc"), st.integers(1, 1000)), st.sets(st.sampled_from("abcd")))
def test_an_object_takes_the_longest_period_of_its_tenants(days: dict[str, int], tenants: set[str]) -> None:
    found = days_for(Rules(days), tenants, DEFAULT)
    assert found >= DEFAULT
    assert all(found >= days.get(tenant, 0) for tenant in tenants)
    assert found == DEFAULT or found in [days.get(tenant) for tenant in tenants]


def lines(*events: AuditEvent) -> list[bytes]:
    return list(next_batch(Writer("ab" * 16), events, WRITTEN).lines)


def body(*events: AuditEvent) -> bytes:
    return b"".join(line + b"\n" for line in lines(*events))


NORTH, SOUTH = an_event(tenant="north", patient="p1"), an_event(tenant="south", patient="p2")
ELSEWHERE = an_event(tenant="north", patient="p3")
BUCKET = {
    "ev/2026/03/04/05/aa/1.json": body(NORTH),
    "ev/2026/03/04/05/bb/2.json": body(SOUTH),
    "ev/2026/03/04/05/cc/3.json": body(NORTH, SOUTH),
    "ev/2026/03/04/05/dd/4.json": body(ELSEWHERE),
    "log/tile/0/000": b"hashes",
}
ALL_BUT_SOUTH = set(BUCKET) - {"ev/2026/03/04/05/bb/2.json"}


def test_what_stands_is_lengthened_where_it_has_a_line_of_the_tenant() -> None:
    rules, objects = MemoryRules(), MemoryObjects(BUCKET, WRITTEN)
    rules.days["north"] = 200
    applier = Applier(rules, objects, default_days=DEFAULT)
    looked_at = sum(number for _, number in applier.walk("north"))
    assert looked_at == count(objects) == len(BUCKET)
    assert objects.until == dict.fromkeys(ALL_BUT_SOUTH, WRITTEN + timedelta(days=200))
    assert objects.on == {}


def test_a_mixed_object_and_the_log_take_the_longest() -> None:
    rules, objects = MemoryRules(), MemoryObjects(BUCKET, WRITTEN)
    rules.days.update(north=200, south=300)
    for tenant in ("south", "north"):
        list(Applier(rules, objects, default_days=DEFAULT).walk(tenant))
    days = {key: (until - WRITTEN).days for key, until in objects.until.items()}
    assert days == dict(zip(BUCKET, (200, 300, 300, 200, 300), strict=True))


def test_a_patients_hold_covers_their_lines_and_the_log() -> None:
    desk, objects = Desk(), MemoryObjects(BUCKET, WRITTEN)
    desk.retention.place("north", "case-1", "p1")
    list(Applier(desk.rules, objects, default_days=DEFAULT).walk("north"))
    held = {"ev/2026/03/04/05/aa/1.json", "ev/2026/03/04/05/cc/3.json", "log/tile/0/000"}
    assert objects.on == dict.fromkeys(held, True)


def test_what_another_case_holds_stays_held() -> None:
    desk, objects = Desk(), MemoryObjects(BUCKET, WRITTEN)
    desk.retention.place("north", "case-1")
    desk.retention.place("north", "case-2", "p1")
    applier = Applier(desk.rules, objects, default_days=DEFAULT)
    list(applier.walk("north"))
    desk.retention.lift("north", "case-1")
    list(applier.walk("north", lifting=True))
    held = {key for key, on in objects.on.items() if on}
    assert held == {"ev/2026/03/04/05/aa/1.json", "ev/2026/03/04/05/cc/3.json", "log/tile/0/000"}


def test_a_walk_is_taken_up_where_it_was_ended() -> None:
    rules = MemoryRules()
    rules.days["north"] = 200
    many = {f"ev/2026/03/04/05/aa/{number:04d}.json": body(NORTH) for number in range(600)}
    objects = MemoryObjects(many, WRITTEN)
    objects.fail_after = 300
    reached: list[str] = []
    with pytest.raises(Unavailable):
        reached.extend(key for key, _ in Applier(rules, objects, default_days=DEFAULT).walk("north"))
    assert reached
    objects.fail_after = 10**9
    list(Applier(rules, objects, default_days=DEFAULT).walk("north", after=reached[-1]))
    assert set(objects.until) == set(many)


def test_new_objects_get_theirs_as_they_are_sealed() -> None:
    rules, objects = MemoryRules(), MemoryObjects({}, WRITTEN)
    rules.days["north"] = 200
    applier = Applier(rules, objects, default_days=DEFAULT)
    differing = applier.apply([("ev/1", lines(NORTH)), ("ev/2", lines(SOUTH)), ("log/tile/0/000", None)])
    assert differing == 2
    assert set(objects.until) == {"ev/1", "log/tile/0/000"}


def test_without_a_rule_nothing_is_called() -> None:
    objects = MemoryObjects({}, WRITTEN)
    objects.fail_after = 0
    assert Applier(MemoryRules(), objects, default_days=DEFAULT).apply([("ev/1", [b"not even read"])]) == 0


def test_an_object_that_holds_no_lines_is_told() -> None:
    with pytest.raises(IntegrityError):
        owners_of([b"[]"])
