"""Broken glass: an hour on one's own word, another person's verdict, and what the clock does when none comes."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import boto3

from infra.settings import ALIAS
from phivault.adapters import break_glass_rows as rows
from phivault.adapters import fact_rows
from phivault.adapters.session_rows import Row, items, row_of
from tests.e2e.cast import answered
from tests.e2e.journal import Journal, expect

if TYPE_CHECKING:
    from tests.e2e.access import Access

GLASS, EMERGENCY = "break-glass", "EMERGENCY"
NOTE = "Found without papers beside the quarry road"
VERDICT = "Asked the ambulance crew who brought them"


def play(journal: Journal, access: Access) -> None:
    access.sign_in("stranger", "security", "coordinator")
    with journal.check("a stranger reads nothing, in an emergency neither, before the glass is broken"):
        expect(not access.sees("stranger") and not access.sees("stranger", EMERGENCY), "a stranger reads")
    with journal.check("broken, it shows the one record for EMERGENCY alone, and its note is kept sealed"):
        glass = _open(access)
    with journal.check("ended, it shows nothing; an officer reads the note and judges, its user can't"):
        _end(access, glass)
    with journal.check("a review that is overdue: its user opens no other, and what they have opens nothing"):
        glass = _overdue(access)
    with journal.check("overdue tells it once, under its own role"):
        told = [_sweep(access) for _ in range(2)]
        expect(told == [{"told": 1}, {"told": 0}], f"{told}")
    with journal.check("the verdict ends the suspension"):
        access.sign_in("security", "coordinator")
        answered(access.ask("security", "POST", f"{GLASS}/{glass}/end"), 200)
        _judge(access, glass, "justified")
        answered(access.ask("coordinator", "POST", f"{GLASS}/{_broken(access, 'coordinator')}/end"), 200)


def _broken(access: Access, who: str, **more: str) -> str:
    """Its id."""
    body = {"patient": access.patient_id, "reason": "cannot-be-asked"} | more
    return str(answered(access.ask(who, "POST", GLASS, body), 201)["id"])


def _judge(access: Access, id: str, verdict: str, **more: str) -> None:
    said = answered(access.ask("security", "POST", f"{GLASS}/{id}/review", {"verdict": verdict} | more), 200)
    expect(said["state"] == "reviewed", f"{said['state']}")


def _open(access: Access) -> str:
    body = {"patient": access.patient_id, "reason": "cannot-be-asked"}
    answered(access.ask("study", "POST", GLASS, body), 403, "denied")
    answered(access.ask("stranger", "POST", GLASS, body | {"reason": "curious"}), 400)
    id = _broken(access, "stranger", note=NOTE)
    answered(access.ask("stranger", "POST", GLASS, body), 409, "conflict")
    expect(access.sees("stranger", EMERGENCY) and access.measures("stranger", EMERGENCY), "it shows nothing")
    expect(not access.sees("stranger"), "it shows the record for another purpose")
    kept = _item(access, rows.glass_key(access.people["stranger"].tenant, id))["note"]["B"]
    expect(len(kept) > len(NOTE) and NOTE.encode() not in kept, "the note isn't sealed")
    return id


def _end(access: Access, id: str) -> None:
    review = f"{GLASS}/{id}/review"
    answered(access.ask("security", "POST", review, {"verdict": "justified"}), 409, "conflict")
    answered(access.ask("stranger", "POST", f"{GLASS}/{id}/end"), 200)
    expect(not access.sees("stranger", EMERGENCY), "it still shows")
    answered(access.ask("stranger", "POST", review, {"verdict": "justified"}), 403, "denied")
    shown = answered(access.ask("security", "GET", f"{GLASS}/{id}"), 200)
    expect(shown["note"] == NOTE and shown["state"] == "ended", "an officer is shown otherwise")
    _judge(access, id, "unjustified", note=VERDICT)
    answered(access.ask("security", "POST", review, {"verdict": "justified"}), 409, "conflict")


def _overdue(access: Access) -> str:
    """Its id. It was broken over the API; when its review is due then moves into the past, in each row that says so."""
    id = _broken(access, "coordinator")
    expect(access.measures("coordinator", EMERGENCY), "it shows nothing")
    _let_its_review_be_due(access, id, int(time.time()) - 60)
    expect(not access.measures("coordinator", EMERGENCY), "an overdue review, and it still shows")
    body = {"patient": access.patient_id, "reason": "transfer"}
    answered(access.ask("coordinator", "POST", GLASS, body), 403, "denied")
    (own,) = answered(access.ask("coordinator", "GET", GLASS), 200)["break_glass"]
    expect((own["id"], own["overdue"]) == (id, True), "the list has it otherwise")
    return id


def _let_its_review_be_due(access: Access, id: str, when: int) -> None:
    user = access.people["coordinator"]
    key = rows.glass_key(user.tenant, id)
    glass = rows.glass_of(user.tenant, row_of(_item(access, key)))
    moved = replace(glass, review_due=when)
    table: dict[str, Any] = {"TableName": access.table}
    dynamodb = boto3.client("dynamodb")
    dynamodb.put_item(**table, Item=items(rows.glass_row(moved)))
    dynamodb.delete_item(**table, Key=items(rows.due_key(rows.due_of(glass))))
    dynamodb.put_item(**table, Item=items(rows.due_row(moved)))
    dynamodb.update_item(
        **table,
        Key=items(fact_rows.standing_key(user.tenant, user.id)),
        UpdateExpression="SET #review = :due",
        ConditionExpression="attribute_exists(#review)",
        ExpressionAttributeNames={"#review": fact_rows.REVIEW + id},
        ExpressionAttributeValues=items({":due": when}),
    )


def _item(access: Access, key: Row) -> Any:
    return boto3.client("dynamodb").get_item(TableName=access.table, Key=items(key), ConsistentRead=True)["Item"]


def _sweep(access: Access) -> Any:
    """Invoked as its schedule does: on its alias, with an event that it reads nothing from."""
    arn = f"{access.functions['overdue']['FunctionArn']}:{ALIAS}"
    answer = boto3.client("lambda").invoke(FunctionName=arn, Payload=json.dumps({"source": "aws.events"}))
    said = answer["Payload"].read()
    expect("FunctionError" not in answer, said.decode())
    return json.loads(said)
