"""New keys for subjects, rows under them, old keys ended: over stores in memory, with real sealing."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import pytest

from phivault.access.roles import Role
from phivault.audit.event import Action
from phivault.crypto.envelope import read_header
from phivault.errors import Gone, InvalidInput, Unavailable, Unprocessable
from phivault.phi import marking
from phivault.phi.data_class import DataClass
from phivault.records.delete import delete
from phivault.records.open import classes_in
from phivault.records.read import read
from phivault.records.update import update
from phivault.records.vread import vread
from phivault.rotation.reseal import reseal
from phivault.rotation.retire import retire
from phivault.rotation.rewrap import rewrap
from phivault.rotation.rotate import rotate
from phivault.rotation.status import keys, rows
from tests.support.records_fakes import World, a_patient, an_observation, flipped
from tests.support.rotation import HOUR, Turning, key_version

DAY = 24 * HOUR


def populated(world: World) -> dict[str, str]:
    """A patient with a history, a relative, a deleted observation, and an organization: their ids."""
    patient = world.make("Patient", a_patient()).id
    update(world.records, world.call(), "Patient", patient, body(a_patient(gender="male"), patient))
    weight = world.make("Observation", an_observation(patient)).id
    gone = world.make("Observation", an_observation(patient, status="amended")).id
    delete(world.records, world.call(), "Observation", gone)
    relative = {"resourceType": "RelatedPerson", "patient": {"reference": f"Patient/{patient}"}}
    clinic = {"resourceType": "Organization", "name": "Clinic", "active": True}
    return {
        "Patient": patient,
        "Observation": weight,
        "deleted": gone,
        "RelatedPerson": world.make("RelatedPerson", relative).id,
        "Organization": world.make("Organization", clinic, world.call(Role.CARE_COORDINATOR)).id,
    }


def body(resource: dict[str, object], id: str) -> bytes:
    return json.dumps(resource | {"id": id}).encode()


def everything(world: World, ids: dict[str, str]) -> list[bytes]:
    call = world.call()
    found = [read(world.records, call, kind, id).body for kind, id in ids.items() if kind != "deleted"]
    found.append(vread(world.records, call, "Patient", ids["Patient"], 1).body)
    return [*found, vread(world.records, call, "Observation", ids["deleted"], 1).body]


def under(world: World, tenant: str = "north") -> set[int]:
    held = [row for (owner, *_), versions in world.store.versions.items() if owner == tenant for row in versions]
    return {key_version(row) for row in held if row.envelope is not None}


def test_every_row_goes_under_the_new_key_and_reads_as_before(world: World, turning: Turning) -> None:
    ids = populated(world)
    before, shape = everything(world, ids), _shape(world)
    rotated = turning.all(rotate)
    assert rotated.counts == {"rotated": 3}
    assert under(world) == {1}
    sealed = turning.all(reseal)
    assert (sealed.counts["resealed"], sealed.refused) == (6, [])
    assert under(world) == {2}
    assert _shape(world) == shape, "type, id, version, subject and time stay, and so do deletions"
    assert everything(world, ids) == before
    world.cold()
    assert everything(world, ids) == before


def _shape(world: World) -> list[tuple[object, ...]]:
    rows = [row for versions in world.store.versions.values() for row in versions]
    return [(row.type, row.id, row.version, row.subject, row.at, row.envelope is None) for row in rows]


def test_tokens_are_written_again(world: World, turning: Turning) -> None:
    ids = populated(world)
    place = ("north", "Patient", ids["Patient"])
    written = world.store.tokens.pop(place)  # as before there was an index
    assert written[1]
    turning.all(rotate)
    turning.all(reseal)
    assert world.store.tokens[place] == written


def test_classes_are_raised_to_todays_and_never_lowered(
    world: World, turning: Turning, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient = world.make("Patient", a_patient()).id
    plain, secret = (world.make("Observation", an_observation(patient)).id for _ in range(2))
    with monkeypatch.context() as yesterday:
        # Sealed when everything was thought to be sensitive, and when nothing was thought to be.
        both: list[tuple[str, Callable[..., marking.Marks]]] = [
            (secret, lambda _, members: marking.Marks(_S, dict.fromkeys(members, _S))),
            (plain, lambda _, members: marking.Marks(_A, dict.fromkeys(members, _A))),
        ]
        for id, marks in both:
            yesterday.setattr("phivault.records.seal.marks", marks)
            update(world.records, world.call(), "Observation", id, body(an_observation(patient), id))
    todays = classes_in(world.store.versions["north", "Observation", plain][0])
    turning.all(rotate)
    turning.all(reseal)
    assert set(classes_in(world.store.versions["north", "Observation", secret][-1]).values()) == {_S}
    assert classes_in(world.store.versions["north", "Observation", plain][-1]) == todays


_S, _A = DataClass.SENSITIVE, DataClass.ADMINISTRATIVE


def test_each_step_is_recorded_before_it_is_done(world: World, turning: Turning) -> None:
    ids = populated(world)
    subjects = {"Tenant", f"Patient:{ids['Patient']}", f"RelatedPerson:{ids['RelatedPerson']}"}
    world.forget()
    turning.all(rotate)
    made = [event for event in world.events if event.action is Action.KEY_ROTATE]
    assert {(one.resource_id, one.version, one.user_id, one.success) for one in made} == {
        (subject, 2, "operator-1", True) for subject in subjects
    }
    world.forget()
    turning.rotation = replace(turning.rotation, keys=Turning(world, turning.at).rotation.keys)
    turning.all(reseal)
    assert world.steps[:2] == ["record", "unwrap"]
    events = world.events
    assert {one.resource_id for one in events} == subjects
    assert {one.action for one in events} == {Action.KEY_RESEAL}
    assert {one.patient for one in events} == {"", ids["Patient"]}


@pytest.mark.parametrize("step", [rotate, reseal, retire])
def test_what_cannot_be_recorded_is_not_done(world: World, turning: Turning, step: Callable[..., None]) -> None:
    populated(world)
    if step is not rotate:
        turning.all(rotate)
    if step is retire:
        turning.all(reseal)
        turning.at += HOUR
    keys, sealed, retired = _held(turning), under(world), dict(world.key_store.retired)
    world.locked.failures = ["before", "before", "before"]
    with pytest.raises(Unavailable):
        turning.all(step)
    assert (_held(turning), under(world), world.key_store.retired) == (keys, sealed, retired)


def _held(turning: Turning) -> dict[tuple[str, str], list[int]]:
    return {name: sorted(held) for name, held in turning.world.key_store.rows.items()}


def test_rotation_goes_on_and_never_begins_twice(world: World, turning: Turning) -> None:
    populated(world)
    assert turning.all(rotate).counts == {"rotated": 3}
    assert turning.all(rotate).counts == {"begun": 3}
    turning.all(reseal)
    assert turning.all(rotate).counts == {"begun": 3}
    turning.at += HOUR
    turning.all(retire)
    assert turning.all(rotate).counts == {"rotated": 3}
    assert turning.all(reseal).counts["resealed"] == 6
    assert under(world) == {3}


def test_slices_go_on_where_the_time_was_over(world: World, turning: Turning, monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = itertools.count()
    monkeypatch.setattr("phivault.rotation.slices.time", SimpleNamespace(monotonic=lambda: float(next(ticks))))
    for _ in range(7):
        populated(world)
    done: dict[str, int] = {}
    for step in (rotate, reseal):
        after, more, slices = "", True, 0
        while more:
            work = turning.slice(after=after)
            work.until = float(next(ticks)) + 4  # a look at the clock is a second
            step(turning.rotation, work)
            for name, number in work.counts.items():
                done[name] = done.get(name, 0) + number
            after, more, slices = work.after, work.more, slices + 1
        assert slices > 1
    assert (done["rotated"], done["resealed"]) == (15, 42)
    assert under(world) == {2}


def test_a_write_that_comes_between_wins_and_is_sealed_in_the_next_pass(world: World, turning: Turning) -> None:
    ids = populated(world)
    turning.all(rotate)

    def write() -> None:
        update(world.records, world.call(), "Patient", ids["Patient"], body(a_patient(gender="other"), ids["Patient"]))

    turning.rows.before_reseal = write
    assert turning.all(reseal).counts["resealed"] == 7
    last = world.store.versions["north", "Patient", ids["Patient"]][-1]
    assert (last.version, key_version(last)) == (3, 2)
    write()
    assert under(world) == {1, 2}, "written under the key that the writer holds"
    assert turning.all(reseal).counts["resealed"] == 1
    assert under(world) == {2}
    for version, gender in ((2, b'"male"'), (3, b'"other"'), (4, b'"other"')):
        assert gender in vread(world.records, world.call(), "Patient", ids["Patient"], version).body


@pytest.mark.parametrize("lose", [False, True])
def test_a_batch_whose_rows_are_held_or_whose_answer_is_lost_is_tried_again(
    world: World, turning: Turning, lose: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("phivault.rotation.reseal._PAUSES", (0, 0))
    populated(world)
    turning.all(rotate)
    turning.rows.fail, turning.rows.lose = 2, lose
    turning.all(reseal)
    assert under(world) == {2}


def test_a_row_that_does_not_open_stays_is_named_and_keeps_its_key(world: World, turning: Turning) -> None:
    ids = populated(world)
    place = ("north", "Observation", ids["Observation"])
    bad = replace(world.store.versions[place][0], envelope=flipped(world.store.versions[place][0].envelope or b""))
    world.store.versions[place][0] = bad
    turning.all(rotate)
    world.forget()
    sealed = turning.all(reseal)
    assert sealed.refused == [f"Observation/{ids['Observation']}/_history/1"]
    assert sealed.counts["resealed"] == 5
    assert world.store.versions[place] == [bad]
    failed = [event for event in world.events if not event.success]
    assert [(one.action, one.error) for one in failed] == [(Action.KEY_RESEAL, "integrity")]
    turning.at += HOUR
    left = turning.all(retire)
    assert left.counts == {"in_use": 1, "retired": 2}


def test_old_keys_are_retired_when_nobody_can_seal_under_them(world: World, turning: Turning) -> None:
    populated(world)
    turning.all(rotate)
    turning.all(reseal)
    early = turning.all(retire)
    assert early.counts == {"settling": 3}
    assert 300 < early.wait <= turning.rotation.settled_seconds
    assert early.said()["wait"] >= early.wait
    turning.at += turning.rotation.settled_seconds
    assert turning.all(retire).counts == {"retired": 3}
    assert turning.all(retire).counts == {"recoverable": 3}


def test_retired_keys_still_open_and_go_after_the_recovery_window(world: World, turning: Turning) -> None:
    ids = populated(world)
    old = {name: list(versions) for name, versions in world.store.versions.items()}
    before = everything(world, ids)
    turning.all(rotate)
    turning.all(reseal)
    turning.at += HOUR
    turning.all(retire)
    new = dict(world.store.versions)
    world.store.versions = old
    world.cold()
    assert everything(world, ids) == before, "a backup that was restored opens"
    turning.at += 35 * DAY
    assert turning.all(retire).counts == {"in_use": 3}, "and keeps its keys"
    world.store.versions = new
    world.forget()
    assert turning.all(retire).counts == {"destroyed": 3}
    ended = [event for event in world.events if event.action is Action.KEY_RETIRE]
    assert all("key:destroyed" in event.flags and event.version == 1 for event in ended)
    assert turning.all(retire).counts == {}
    world.cold()
    assert everything(world, ids) == before
    world.store.versions = old
    with pytest.raises(Gone):
        everything(world, ids)


def test_a_key_under_which_something_else_was_sealed_is_never_destroyed(world: World, turning: Turning) -> None:
    ids = populated(world)
    world.records.keys.for_keeping("north", f"Patient/{ids['Patient']}")
    turning.all(rotate)
    turning.all(reseal)
    turning.at += HOUR
    turning.all(retire)
    turning.at += 36 * DAY
    assert turning.all(retire).counts == {"destroyed": 2, "kept": 1}
    assert world.key_store.rows["north", f"Patient/{ids['Patient']}"][1] is not None


def test_erased_subjects_are_passed_over(world: World, turning: Turning) -> None:
    ids = populated(world)
    world.destroy_key(f"Patient/{ids['Patient']}")
    assert turning.all(rotate).counts == {"rotated": 2, "erased": 1}
    assert turning.all(reseal).counts["resealed"] == 2
    turning.at += HOUR
    assert turning.all(retire).counts == {"retired": 2}


def test_a_whole_key_is_destroyed_with_all_its_versions(world: World, turning: Turning) -> None:
    ids = populated(world)
    subject = f"Patient/{ids['Patient']}"
    turning.all(rotate)
    assert turning.rotation.keys.destroy("north", subject) == 2
    assert world.key_store.rows["north", subject] == {1: None, 2: None}


def test_one_subject_and_one_tenant_are_rotated_alone(world: World, turning: Turning) -> None:
    ids = populated(world)
    world.make("Patient", a_patient(), replace(world.call(), principal=replace(world.call().principal, tenant="south")))
    subject = f"Patient/{ids['Patient']}"
    assert turning.all(rotate, subject=subject).counts == {"rotated": 1}
    turning.all(reseal)
    assert {row.subject for row in turning.rows.rows("north") if key_version(row) == 2} == {subject}
    assert under(world, "south") == {1}


@pytest.mark.parametrize(
    ("tenant", "subject", "error"),
    [("", "", InvalidInput), ("-", "", InvalidInput), ("a#b", "", InvalidInput), ("north", "User/u-1", Unprocessable),
     ("north", "Index", Unprocessable), ("north", "Project/study-7", Unprocessable)],
)  # fmt: skip
def test_what_seals_no_rows_is_not_rotated(turning: Turning, tenant: str, subject: str, error: type[Exception]) -> None:
    for step in (rotate, reseal, retire, rows):
        with pytest.raises(error):
            turning.all(step, tenant, subject)


def test_keys_are_wrapped_again_under_another_key_of_the_service(world: World, turning: Turning) -> None:
    ids = populated(world)
    before = everything(world, ids)
    world.records.keys.for_sealing("-", "Tenant")
    others = {name: dict(held) for name, held in world.key_store.rows.items()}
    wrapper = _Newer(turning.world.wrapper)
    turning.rotation = replace(turning.rotation, wrapper=wrapper, former=("kms-1",))
    asked = turning.slice(tenant="")
    assert keys(turning.rotation, asked).keys == {"kms-1": len(others)}
    world.forget()
    assert turning.all(rewrap, "").counts == {"rewrapped": len(others)}
    recorded = {(one.tenant, one.resource_id) for one in world.events if one.action is Action.KEY_REWRAP}
    assert recorded == {(tenant, subject.replace("/", ":", 1)) for tenant, subject in others}
    assert all(held[1] != others[name][1] for name, held in world.key_store.rows.items())
    assert keys(turning.rotation, turning.slice(tenant="")).keys == {"kms-2": len(others)}
    assert turning.all(rewrap, "").counts == {}
    world.wrapper = wrapper  # type: ignore[assignment]  # it fills the same port
    world.records = replace(world.records, keys=Turning(world).rotation.keys)
    assert everything(world, ids) == before


class _Newer:
    """Wraps under "kms-2" and unwraps what either wrapped."""

    current = "kms-2"

    def __init__(self, former: object) -> None:
        self._former = former
        self.calls: list[str] = []

    def wrapped_by(self, wrapped: bytes) -> str:
        return "kms-2" if wrapped.startswith(b"2") else "kms-1"

    def wrap(self, tenant: str, subject: str, material: bytes) -> bytes:
        return b"2" + self._former.wrap(tenant, subject, material)  # type: ignore[attr-defined]  # a MemoryWrapper

    def unwrap(self, tenant: str, subject: str, wrapped: bytes) -> bytes:
        return self._former.unwrap(tenant, subject, wrapped.removeprefix(b"2"))  # type: ignore[attr-defined]  # too


def test_a_key_that_does_not_unwrap_is_named_and_stays(world: World, turning: Turning) -> None:
    populated(world)
    name = ("north", "Tenant")
    world.key_store.rows[name] = {1: world.key_store.rows["north", "Index"][1]}
    turning.rotation = replace(turning.rotation, wrapper=_Newer(world.wrapper))
    work = turning.all(rewrap, "north")
    assert work.refused == ["north Tenant version 1"]
    assert world.key_store.rows[name] == {1: world.key_store.rows["north", "Tenant"][1]}
    assert [one.error for one in world.events if one.action is Action.KEY_REWRAP and not one.success] == ["integrity"]


def test_status_counts_keys_and_rows(world: World, turning: Turning) -> None:
    populated(world)
    turning.all(rotate)
    work = turning.slice(tenant="")
    found = keys(turning.rotation, work)
    assert found.tenants == {"north"}
    assert (work.counts["older"], work.counts["newest"] - work.counts["older"] >= 0) == (3, True)
    counted = turning.all(rows)
    assert counted.counts == {"owners": 3, "rows": 6, "rows_under_older_keys": 6, "owners_behind": 3}
    turning.all(reseal)
    assert turning.all(rows).counts["rows_under_older_keys"] == 0


def test_the_sealed_bytes_are_new_ones(world: World, turning: Turning) -> None:
    populated(world)
    before = {row.envelope for row in turning.rows.rows("north")}
    turning.all(rotate)
    turning.all(reseal)
    after = [row.envelope for row in turning.rows.rows("north")]
    assert before.isdisjoint(after)
    assert len({(read_header(each or b"").key_version) for each in after}) == 1


def test_a_slice_of_nothing_is_done(turning: Turning) -> None:
    for step in (rotate, reseal, retire, rows):
        assert turning.all(step, "nobody").counts == {}
