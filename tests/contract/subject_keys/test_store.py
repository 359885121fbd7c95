"""What every SubjectKeyStore keeps, asked of the fake that unit tests use and of DynamoDB on this machine."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.stub import Stubber

from phivault.adapters.aws import client
from phivault.adapters.dynamodb_subject_keys import DynamoDbSubjectKeys
from phivault.crypto.subject_key_store import StoredKey, SubjectKeyStore
from phivault.errors import IntegrityError, Unavailable
from tests.support.subject_keys import MemoryStore

type Destroy = Callable[[str, str, int], None]


@pytest.fixture
def dynamodb(new_table: Callable[[dict[str, Any]], str]) -> DynamoDbSubjectKeys:
    from phivault.adapters.dynamodb_subject_keys import TABLE

    return DynamoDbSubjectKeys(new_table(TABLE))


@pytest.fixture(params=["memory", "dynamodb"])
def kept(request: pytest.FixtureRequest) -> tuple[SubjectKeyStore, Destroy]:
    """A store, and how its rows become tombstones."""
    if request.param == "memory":
        memory = MemoryStore()
        return memory, memory.destroy
    store: DynamoDbSubjectKeys = request.getfixturevalue("dynamodb")

    def destroy(tenant: str, subject: str, version: int) -> None:
        client("dynamodb").update_item(
            TableName=store._table,
            Key={"pk": {"S": f"T#{tenant}#{subject}"}, "sk": {"N": str(version)}},
            UpdateExpression="REMOVE wrapped_key",
        )

    return store, destroy


def test_an_unknown_subject_has_no_rows(kept: tuple[SubjectKeyStore, Destroy]) -> None:
    store, _ = kept
    assert store.newest("t", "Patient/p") is None
    assert store.read("t", "Patient/p", 1) is None


def test_a_row_is_read_as_written(kept: tuple[SubjectKeyStore, Destroy]) -> None:
    store, _ = kept
    assert store.create("t", "Patient/p", 1, b"\x00wrapped")
    assert store.read("t", "Patient/p", 1) == StoredKey(1, b"\x00wrapped")
    assert store.newest("t", "Patient/p") == StoredKey(1, b"\x00wrapped")
    assert store.newest("u", "Patient/p") is None
    assert store.newest("t", "Patient/q") is None


def test_the_newest_is_the_highest_number(kept: tuple[SubjectKeyStore, Destroy]) -> None:
    store, _ = kept
    for version in (9, 10, 2):
        assert store.create("t", "Patient/p", version, b"%d" % version)
    assert store.newest("t", "Patient/p") == StoredKey(10, b"10")
    assert store.read("t", "Patient/p", 9) == StoredKey(9, b"9")


def test_a_row_is_never_overwritten(kept: tuple[SubjectKeyStore, Destroy]) -> None:
    store, _ = kept
    assert store.create("t", "Patient/p", 1, b"first")
    assert not store.create("t", "Patient/p", 1, b"second")
    assert store.read("t", "Patient/p", 1) == StoredKey(1, b"first")


def test_one_of_many_creators_wins(kept: tuple[SubjectKeyStore, Destroy]) -> None:
    store, _ = kept
    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(lambda n: store.create("t", "Patient/p", 1, b"%d" % n), range(8)))
    assert won.count(True) == 1
    assert store.newest("t", "Patient/p") == StoredKey(1, b"%d" % won.index(True))


def test_a_tombstone_stays_and_lets_no_key_in(kept: tuple[SubjectKeyStore, Destroy]) -> None:
    store, destroy = kept
    store.create("t", "Patient/p", 1, b"first")
    destroy("t", "Patient/p", 1)
    assert store.newest("t", "Patient/p") == StoredKey(1, None)
    assert store.read("t", "Patient/p", 1) == StoredKey(1, None)
    assert not store.create("t", "Patient/p", 1, b"second")


def test_destroying_leaves_a_tombstone_and_makes_no_row(kept: tuple[SubjectKeyStore, Destroy]) -> None:
    store, _ = kept
    store.create("t", "Patient/d", 1, b"first")
    for _ in range(2):
        store.destroy("t", "Patient/d", 1)
        assert store.newest("t", "Patient/d") == StoredKey(1, None)
    store.destroy("t", "Patient/d", 2)
    assert store.newest("t", "Patient/d") == StoredKey(1, None)


@pytest.mark.parametrize("code", ["ProvisionedThroughputExceededException", "InternalServerError", "Weird <1>"])
def test_a_dynamodb_that_refuses_is_unavailable(dynamodb: DynamoDbSubjectKeys, code: str) -> None:
    with Stubber(client("dynamodb")) as stub:
        for operation in ("query", "get_item", "put_item", "update_item"):
            stub.add_client_error(operation, code, service_message="Patient/p-1")
        for call in (
            lambda: dynamodb.newest("t", "Patient/p-1"),
            lambda: dynamodb.read("t", "Patient/p-1", 1),
            lambda: dynamodb.create("t", "Patient/p-1", 1, b"wrapped"),
            lambda: dynamodb.destroy("t", "Patient/p-1", 1),
        ):
            with pytest.raises(Unavailable) as refused:
                call()
            assert "Patient/p-1" not in "".join(traceback.format_exception_only(refused.value))


@pytest.mark.parametrize("wrapped", [{"S": "text"}, {"NULL": True}])
def test_a_row_of_another_form_is_refused(dynamodb: DynamoDbSubjectKeys, wrapped: dict[str, Any]) -> None:
    client("dynamodb").put_item(
        TableName=dynamodb._table, Item={"pk": {"S": "T#t#Patient/p"}, "sk": {"N": "1"}, "wrapped_key": wrapped}
    )
    with pytest.raises(IntegrityError):
        dynamodb.newest("t", "Patient/p")


def test_versions_tell_what_became_of_each(kept: tuple[SubjectKeyStore, Destroy]) -> None:
    store, _ = kept
    assert store.versions("t", "Patient/v") == []
    for version in (1, 2, 10):
        store.create("t", "Patient/v", version, b"%d" % version, 1000.0 + version)
    store.keep("t", "Patient/v", 2)
    store.keep("t", "Patient/v", 2)
    for at in (2000.0, 3000.0):
        store.retire("t", "Patient/v", 1, at)
    store.destroy("t", "Patient/v", 10)
    store.retire("t", "Patient/v", 10, 4000.0)
    assert store.versions("t", "Patient/v") == [
        StoredKey(1, b"1", 1001.0, 2000.0),
        StoredKey(2, b"2", 1002.0, kept=True),
        StoredKey(10, None, 1010.0),
    ]
    assert (store.newest("t", "Patient/v") or StoredKey(0, None)).version == 10


def test_a_wrapped_key_is_replaced_only_where_it_is_what_was_read(kept: tuple[SubjectKeyStore, Destroy]) -> None:
    store, _ = kept
    store.create("t", "Patient/r", 1, b"first")
    assert not store.replace("t", "Patient/r", 1, b"another", b"second")
    assert store.replace("t", "Patient/r", 1, b"first", b"second")
    assert not store.replace("t", "Patient/r", 2, b"first", b"second")
    store.destroy("t", "Patient/r", 1)
    assert not store.replace("t", "Patient/r", 1, b"second", b"third")
    assert store.versions("t", "Patient/r") == [StoredKey(1, None)]


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_pages_hold_every_subject_once_and_whole(kept: tuple[SubjectKeyStore, Destroy], limit: int) -> None:
    store, _ = kept
    names = {(tenant, f"Patient/p-{number}") for tenant in ("t", "u") for number in range(5)}
    for tenant, subject in names:
        for version in (1, 2, 3):
            store.create(tenant, subject, version, b"%d" % version)
        store.keep(tenant, subject, 1)
    found, after = [], ""
    while True:
        page, after = store.page(after, limit)
        found += page
        if not after:
            break
    assert sorted((one.tenant, one.subject) for one in found) == sorted(names)
    assert all([(key.version, key.kept) for key in one.keys] == [(1, True), (2, False), (3, False)] for one in found)
