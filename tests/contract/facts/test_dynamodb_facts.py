"""What only DynamoDB can do to the facts: answer in parts, fail, and count calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.stub import Stubber

from phivault.access.roles import Role
from phivault.adapters.access_state_table import TABLE
from phivault.adapters.aws import client
from phivault.adapters.dynamodb_facts import DynamoFacts
from phivault.errors import Unavailable
from tests.support.people import TREATMENT, principal

CLINICIAN = principal(Role.CLINICIAN)


@pytest.fixture
def calls(aws_endpoints: Any) -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """The operations that the process's DynamoDB client is asked for, with their parameters."""
    made: list[tuple[str, dict[str, Any]]] = []

    def note(model: Any, params: dict[str, Any], **_: Any) -> None:
        made.append((model.name, params))

    events = client("dynamodb").meta.events
    events.register("provide-client-params.dynamodb", note)
    yield made
    events.unregister("provide-client-params.dynamodb", note)


@pytest.fixture
def stubbed(aws_endpoints: Any) -> Iterator[Stubber]:
    with Stubber(client("dynamodb")) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def key(patient: str, sk: str = "USER#user") -> dict[str, Any]:
    return {"pk": {"S": f"T#t#P#{patient}"}, "sk": {"S": sk}}


def member(patient: str) -> dict[str, Any]:
    return key(patient) | {"care": {"M": {"sensitive": {"BOOL": False}}}}


def test_fifty_patients_cost_one_consistent_call(
    new_table: Callable[[dict[str, Any]], str], calls: list[tuple[str, dict[str, Any]]]
) -> None:
    facts = DynamoFacts(new_table(TABLE))
    calls.clear()
    facts.load(CLINICIAN, TREATMENT, [f"p{n}" for n in range(50)])
    [(operation, parameters)] = calls
    [asked] = parameters["RequestItems"].values()
    assert operation == "BatchGetItem"
    assert asked["ConsistentRead"] is True


def test_the_row_says_as_what_and_since_when(new_table: Callable[[dict[str, Any]], str]) -> None:
    table = new_table(TABLE)
    DynamoFacts(table, now=lambda: 1_700_000_000.5).join_care_team("t", "p", "user", Role.CLINICIAN)
    DynamoFacts(table, now=lambda: 1_800_000_000.0).join_care_team("t", "p", "user", Role.CARE_COORDINATOR)
    row = client("dynamodb").get_item(TableName=table, Key=key("p"))["Item"]
    assert row.pop("care")["M"] == {
        "role": {"S": "clinician"},
        "since": {"S": "2023-11-14T22:13:20.500Z"},
        "by": {"S": "user"},
        "sensitive": {"BOOL": True},
    }
    assert row == key("p")
    reverse = {"pk": {"S": "T#t#U#user"}, "sk": {"S": "PATIENT#p"}}
    assert client("dynamodb").get_item(TableName=table, Key=reverse)["Item"] == reverse


def test_keys_left_over_are_asked_for_again(stubbed: Stubber) -> None:
    waits: list[float] = []
    again = {"Keys": [key("q"), key("q", "PATIENT")], "ConsistentRead": True}
    stubbed.add_response("batch_get_item", {"Responses": {"state": [member("p")]}, "UnprocessedKeys": {"state": again}})
    stubbed.add_response("batch_get_item", {"Responses": {"state": [member("q")]}}, {"RequestItems": {"state": again}})
    loaded = DynamoFacts("state", wait=waits.append).load(CLINICIAN, TREATMENT, ["p", "q", "r"])
    assert [patient for patient, known in loaded.items() if known.in_care_team] == ["p", "q"]
    assert len(waits) == 1


def test_keys_that_stay_left_over_are_no_denial_but_unavailable(stubbed: Stubber) -> None:
    for _ in range(5):
        stubbed.add_response("batch_get_item", {"Responses": {}, "UnprocessedKeys": {"state": {"Keys": [key("p")]}}})
    with pytest.raises(Unavailable):
        DynamoFacts("state", wait=lambda _: None).load(CLINICIAN, TREATMENT, ["p"])


@pytest.mark.parametrize("code", ["ProvisionedThroughputExceededException", "ResourceNotFoundException"])
def test_a_refusal_is_unavailable_and_names_no_one(stubbed: Stubber, code: str) -> None:
    stubbed.add_client_error("batch_get_item", code, "about T#t#P#p")
    stubbed.add_client_error("transact_write_items", code, "about T#t#P#p")
    facts = DynamoFacts("state")
    with pytest.raises(Unavailable) as load:
        facts.load(CLINICIAN, TREATMENT, ["p"])
    with pytest.raises(Unavailable) as join:
        facts.join_care_team("t", "p", "user", Role.CLINICIAN)
    assert "T#t" not in str(load.value) + str(join.value)


def test_a_missing_table_is_unavailable(aws_endpoints: Any) -> None:
    with pytest.raises(Unavailable):
        DynamoFacts("no-such-table").load(CLINICIAN, TREATMENT, ["p"])
