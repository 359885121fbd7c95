"""The inventory equals what a taint test finds: a value of its own in every field that may hold PHI, then a look at
everything that is stored, sent, logged or printed, in clear and, with the stack's own keys, sealed.

A stack of its own: the test reads the database as its operator and opens what is sealed, which no other test's trail
may show.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING

import pytest

from phivault.phi import inventory
from phivault.phi.inventory import INPUTS, Form, Kind
from phivault.records.types import TYPES
from tests.support.answers import ok
from tests.support.envelopes import START
from tests.support.taint import Found, Taints

if TYPE_CHECKING:
    import httpx

    from tests.support.caller import World
    from tests.support.opened import Opened
    from tests.support.stack import RunningStack
    from tests.support.tainting_records import Tainting

NOT_SENT = {
    "body OpenGlass reason": "one of five words, which say of nobody that they were sent",
    "body ProposeGrant relation": "one of a few words, likewise",
    "fhir Consent provision": "codes and ids alone are taken there: whatever else it said couldn't be enforced",
}
"""Fields that can't hold a value of their own."""
UNFILLED = {"modifierExtension", "contained", "extension"}
"""Refused by what may not be overlooked, or in the directory, where nobody is granted the sensitive class."""


@dataclass
class Looked:
    stack: RunningStack
    taints: Taints
    tainting: Tainting
    found: Found
    opened: list[Opened]
    places: Counter[str]
    copies: set[tuple[str, bytes]]


@pytest.fixture(scope="module")
def own_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    from tests.support.stack import running

    yield from running(tmp_path_factory.mktemp("taint"))


@pytest.fixture(scope="module")
def looked(own_stack: RunningStack) -> Looked:
    from tests.support import stored
    from tests.support.envelopes import starts
    from tests.support.tainting_records import Tainting

    taints, since = Taints(), datetime.now(UTC)
    tainting = Tainting(own_stack, taints)
    tainting.people()
    tainting.administration()
    patient = tainting.records()
    tainting.questions(patient)
    tainting.permissions(patient)
    call_everything(own_stack)
    export(own_stack)
    found, places, copies = Found(), Counter[str](), set()
    for place, data in stored.everything(own_stack):
        places[place] += 1
        found.add(found.clear, taints.within(data), place)
        if not place.startswith(stored.FILES) and not is_sealed(place):
            copies |= {(place, start) for start in starts(data)}
    with pytest.MonkeyPatch.context() as patch:
        opened = list(everything_opened(own_stack, patch, since))
    for one in opened:
        found.add(found.sealed, taints.within(one.value), one.place)
        found.elements.add((f"fhir {one.type} {one.name}", " ".join(one.place.split()[:3])))
    return Looked(own_stack, taints, tainting, found, opened, places, copies)


@cache
def is_sealed(place: str) -> bool:
    known = inventory.find(place)
    return known is not None and known.form is Form.SEALED


def call_everything(stack: RunningStack) -> None:
    """Each operation, done and refused, so that every kind of row is written."""
    from tests.support.caller import World
    from tests.support.calls import CALLS
    from tests.support.locked_log import LockedLog

    world = World(stack, LockedLog(stack))
    for done, refused in CALLS.values():
        answer = persistently(done, world)
        assert answer.is_success, f"{answer.request.method} {answer.request.url.path}: {answer.text}"
        persistently(refused, world, done=False)


def persistently(call: Callable[[World], httpx.Response], world: World, *, done: bool = True) -> httpx.Response:
    """Once more where it fails: on a busy machine moto answers late, is asked again and takes it for a second sign-in.
    What operations do is tested elsewhere; here rows are to be written."""
    for _ in range(3):
        with contextlib.suppress(AssertionError):
            answer = call(world)
            if answer.is_success or not done:
                return answer
    return call(world)


def export(stack: RunningStack) -> None:
    """With the personal fields opened."""
    officer = stack.anyone(Authorization=f"Bearer {stack.sign_in('privacy_officer')['access_token']}")
    id = ok(officer.post("/audit/exports", json={"open": True}), 202)["id"]
    until = time.monotonic() + 120
    while (said := ok(officer.get(f"/audit/exports/{id}"))["status"]) in ("queued", "running"):
        assert time.monotonic() < until
        time.sleep(0.3)
    assert said == "done"


def everything_opened(stack: RunningStack, patch: pytest.MonkeyPatch, since: datetime) -> Iterator[Opened]:
    from phivault.adapters.aws import forget_clients
    from tests.support.opened import Opener

    for name, value in stack.environment_of("records").items():
        if name.startswith("AWS_"):
            patch.setenv(name, value)
    forget_clients()
    yield from Opener(stack, since).everything()
    forget_clients()


def fields() -> set[str]:
    """Of every place where data comes in and that isn't said to be no PHI."""
    directory = {name for name, row in TYPES.items() if row.patient_element is None and not row.own_subject}
    return {
        place.id
        for place in inventory.places()
        if place.kind in INPUTS and place.data_class and not (place.group in directory and place.name in UNFILLED)
    }


def test_every_field_that_may_hold_phi_was_sent(looked: Looked) -> None:
    sent = {id for ids in looked.taints.fields.values() for id in ids} | looked.taints.unmarked
    sent |= {place.id for id in sent if (place := inventory.find(id))}  # unknown elements are one entry
    lacking = {id for id in fields() - sent if id.rpartition(" ")[2] != "modifierExtension"}
    assert lacking == set(NOT_SENT)


def test_each_value_stands_where_the_inventory_says_and_nowhere_else(looked: Looked) -> None:
    assert looked.found.undeclared(looked.taints) == []


def test_each_place_that_the_inventory_names_for_a_field_holds_its_values(looked: Looked) -> None:
    assert looked.found.unseen(looked.taints) == []


def test_what_is_sealed_stands_in_no_other_place(looked: Looked) -> None:
    """Copies of envelopes, as they are or in base64: only where the inventory says that they are sealed."""
    known = {one.sealed[:START] for one in looked.opened}
    assert len(known) > 100
    assert {place for place, start in looked.copies if start in known} == set()


def test_every_row_and_object_that_there_is_is_in_the_inventory(looked: Looked) -> None:
    kinds = (Kind.POSTGRES, Kind.DYNAMODB, Kind.S3, Kind.AUDIT, Kind.COGNITO, Kind.MESSAGE, Kind.ALERT, Kind.LOG)
    unknown = {place for place in looked.places if place.split()[0] in kinds and inventory.find(place) is None}
    assert unknown == set()


def test_every_row_and_object_of_the_inventory_is_there(looked: Looked) -> None:
    seen = {known.id for place in looked.places if (known := inventory.find(place))}
    kinds = {Kind.POSTGRES, Kind.DYNAMODB, Kind.S3, Kind.AUDIT, Kind.COGNITO, Kind.ALERT}
    lacking = {place.id for place in inventory.places() if place.kind in kinds and not place.unseen} - seen
    assert lacking == set()


def test_no_answer_that_refuses_repeats_a_value(looked: Looked) -> None:
    refusals = [answer for answer in looked.tainting.answers if answer.status_code >= 400]
    assert len(refusals) > 50
    for answer in refusals:
        assert looked.taints.within(answer.content + str(answer.headers).encode()) == set(), answer.text


# That the check finds what it looks for.


def test_a_log_line_is_found(looked: Looked) -> None:
    from tests.support import stored

    value = looked.taints.mark("fhir Patient name")
    path = looked.stack.folder / "logs" / "planted.log"
    path.write_text(f'{{"level": "INFO", "message": "read {value}"}}\nTraceback of {value}\n')
    try:
        found = Found()
        for place, data in stored.logs(looked.stack):
            found.add(found.clear, looked.taints.within(data) & {value}, place)
    finally:
        path.unlink()
        del looked.taints.fields[value]
    assert found.clear == {value: {"log function message", "output planted.log"}}


def test_a_column_and_an_item_are_found(looked: Looked) -> None:
    from tests.support import stored

    value = looked.taints.mark("fhir Patient name")
    dynamodb, table = looked.stack.aws("dynamodb"), looked.stack.facts["settings"]["PHIVAULT_ACCESS_STATE_TABLE"]
    key = {"pk": {"S": "T#planted"}, "sk": {"S": "RULES"}}
    dynamodb.put_item(TableName=table, Item=key | {"registration": {"S": value}})
    with stored.superuser(looked.stack) as connection:
        connection.execute("CREATE TABLE app.planted (note text)")
        connection.execute("INSERT INTO app.planted VALUES (%s)", (f"about {value}",))
    try:
        found = Found()
        for place, data in [*stored.columns(looked.stack), *stored.rows(looked.stack)]:
            found.add(found.clear, looked.taints.within(data) & {value}, place)
    finally:
        dynamodb.delete_item(TableName=table, Key=key)
        with stored.superuser(looked.stack) as connection:
            connection.execute("DROP TABLE app.planted")
        del looked.taints.fields[value]
    assert found.clear == {value: {"postgres app.planted note", "dynamodb AccessState T#*/RULES registration"}}


def test_the_test_has_its_own_environment(looked: Looked) -> None:
    assert os.environ.get("AWS_ENDPOINT_URL") != looked.stack.facts["aws_endpoint_url"]
