"""What is recorded of a step before it is done is contradicted where it fails; and nobody else's keys are touched."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from phivault.audit.event import Action
from phivault.errors import Unavailable
from phivault.rotation.reseal import reseal
from phivault.rotation.retire import DESTROYED, RETIRED, retire
from phivault.rotation.rewrap import rewrap
from phivault.rotation.rotate import rotate
from tests.support.records_fakes import World, a_patient
from tests.support.rotation import HOUR, Turning

DAY = 24 * HOUR


@pytest.fixture
def patient(world: World) -> str:
    return world.make("Patient", a_patient()).id


@pytest.mark.parametrize(
    ("step", "fails", "after", "action", "flag"),
    [
        (rotate, "create", (), Action.KEY_ROTATE, None),
        (retire, "retire", (HOUR,), Action.KEY_RETIRE, RETIRED),
        (retire, "destroy", (HOUR, 36 * DAY), Action.KEY_RETIRE, DESTROYED),
    ],
)
def test_a_step_that_fails_leaves_its_outcome_on_record(
    world: World,
    turning: Turning,
    patient: str,
    monkeypatch: pytest.MonkeyPatch,
    step: Callable[..., None],
    fails: str,
    after: tuple[int, ...],
    action: Action,
    flag: str | None,
) -> None:
    subject = f"Patient/{patient}"
    if after:
        turning.all(rotate, subject=subject)
        turning.all(reseal, subject=subject)
    for number, seconds in enumerate(after):
        if number:
            turning.all(retire, subject=subject)
        turning.at += seconds
    world.forget()

    def down(*_: object) -> None:
        raise Unavailable("The store is down")

    monkeypatch.setattr(world.key_store, fails, down)
    with pytest.raises(Unavailable):
        turning.all(step, subject=subject)
    assert [(one.action, one.resource_id, one.error) for one in world.events] == [
        (action, f"Patient:{patient}", ""),
        (action, f"Patient:{patient}", "unavailable"),
    ]
    assert all(flag in one.flags for one in world.events if flag)


def test_the_time_that_counts_is_from_before_the_rows_were_looked_at(
    world: World, turning: Turning, patient: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who sealed under the old key meanwhile would have a row that the look didn't find."""
    subject = f"Patient/{patient}"
    turning.all(rotate, subject=subject)
    turning.all(reseal, subject=subject)
    look = turning.rows.key_versions

    def slow(tenant: str, subjects: Sequence[str]) -> dict[str, dict[int, int]]:
        found = look(tenant, subjects)
        turning.at += HOUR
        return found

    monkeypatch.setattr(turning.rows, "key_versions", slow)
    assert turning.all(retire, subject=subject).counts == {"settling": 1}
    assert world.key_store.retired == {}


@pytest.mark.parametrize("whole", [True, False])
def test_keys_of_one_tenant_or_subject_are_wrapped_again_alone(
    world: World, turning: Turning, patient: str, monkeypatch: pytest.MonkeyPatch, whole: bool
) -> None:
    world.make("Patient", a_patient())
    world.make("Patient", a_patient(), world.call(tenant="south"))
    world.records.keys.for_sealing("south", f"Patient/{patient}")
    world.forget()
    monkeypatch.setattr(world.wrapper, "wrapped_by", lambda wrapped: "an earlier one")
    work = turning.all(rewrap, subject="" if whole else f"Patient/{patient}")
    asked = (
        {name for name in world.key_store.rows if name[0] == "north"} if whole else {("north", f"Patient/{patient}")}
    )
    assert {(one.tenant, one.resource_id.replace(":", "/", 1)) for one in world.events} == asked
    assert work.counts == {"rewrapped": len(asked)}
