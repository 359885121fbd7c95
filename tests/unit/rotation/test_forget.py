"""The search index lets go of erased subjects, on record, and of nobody else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from phivault.audit.event import Action
from phivault.errors import Conflict, InvalidInput, Unavailable, Unprocessable
from phivault.rotation.forget import FORGOTTEN, forget
from tests.support.records_fakes import World, a_patient, an_observation
from tests.support.rotation import Turning


def a_person(world: World) -> str:
    patient = world.make("Patient", a_patient()).id
    world.make("Observation", an_observation(patient))
    return patient


def tokens(world: World, patient: str) -> int:
    return sum(len(found) for owner, found in world.store.tokens.values() if owner == patient)


def erase(world: World, turning: Turning, patient: str) -> None:
    turning.rotation.keys.destroy("north", f"Patient/{patient}")
    world.forget()


def test_an_erased_subject_leaves_the_index_once_and_on_record_before(world: World, turning: Turning) -> None:
    gone, stays = a_person(world), a_person(world)
    before, others = tokens(world, gone), tokens(world, stays)
    assert before > 10
    erase(world, turning, gone)
    done = turning.all(forget, subject=f"Patient/{gone}")
    assert done.counts == {"erased": 1, "tokens": before}
    assert (tokens(world, gone), tokens(world, stays)) == (0, others)
    (event,) = world.events
    assert (event.action, event.patient, event.user_id, event.success) == (Action.KEY_DESTROY, gone, "operator-1", True)
    assert FORGOTTEN in event.flags
    assert turning.all(forget, subject=f"Patient/{gone}").counts == {"erased": 1}
    assert len(world.events) == 1, "where there is nothing, nothing is recorded"


def test_without_a_record_nothing_goes(world: World, turning: Turning) -> None:
    patient = a_person(world)
    before = tokens(world, patient)
    erase(world, turning, patient)
    world.locked.failures = ["before"] * 50
    with pytest.raises(Unavailable):
        turning.all(forget, subject=f"Patient/{patient}")
    assert tokens(world, patient) == before


def test_what_fails_is_recorded_and_may_be_repeated(world: World, turning: Turning) -> None:
    patient = a_person(world)
    erase(world, turning, patient)
    turning.rows.fail = 1
    with pytest.raises(Unavailable):
        turning.all(forget, subject=f"Patient/{patient}")
    assert [event.success for event in world.events] == [True, False]
    assert turning.all(forget, subject=f"Patient/{patient}").counts["tokens"] > 10


def test_whoever_is_not_erased_stays_whole(world: World, turning: Turning) -> None:
    patient = a_person(world)
    before = tokens(world, patient)
    with pytest.raises(Conflict):
        turning.all(forget, subject=f"Patient/{patient}")
    turning.rotation.keys.rotate("north", f"Patient/{patient}", lambda _: None)
    world.key_store.destroy("north", f"Patient/{patient}", 2)  # an older version is left: half an erasure
    with pytest.raises(Conflict):
        turning.all(forget, subject=f"Patient/{patient}")
    assert turning.all(forget).counts == {}
    assert tokens(world, patient) == before


@pytest.mark.parametrize(
    ("tenant", "subject", "refusal"),
    [("north", "User/x", Unprocessable), ("north", "Index", Unprocessable), ("a#b", "Patient/x", InvalidInput)],
)
def test_only_owners_of_rows_are_named(turning: Turning, tenant: str, subject: str, refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        turning.all(forget, tenant, subject)


def test_a_whole_tenant_after_a_backup_brought_tokens_back(world: World, turning: Turning) -> None:
    people = [a_person(world) for _ in range(4)]
    erased = people[:2]
    backup = dict(world.store.tokens)
    for patient in erased:
        erase(world, turning, patient)
        turning.all(forget, subject=f"Patient/{patient}")
    world.store.tokens = dict(backup)
    before = sum(tokens(world, patient) for patient in erased)
    assert turning.all(forget).counts == {"erased": 2, "tokens": before}
    assert [tokens(world, patient) > 0 for patient in people] == [False, False, True, True]
    assert turning.all(forget, "south").counts == {}


def test_a_slice_goes_on_where_its_time_ended(world: World, turning: Turning) -> None:
    people = sorted(a_person(world) for _ in range(3))
    for patient in people:
        erase(world, turning, patient)
    work = replace(turning.slice(), until=0.0)
    forget(turning.rotation, work)
    assert work.more
    assert [tokens(world, patient) > 0 for patient in people] == [True] * 3
    rest = turning.slice(after=work.after)
    forget(turning.rotation, rest)
    assert [tokens(world, patient) for patient in people] == [0, 0, 0]
