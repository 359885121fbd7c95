"""Attack: somebody who can write to the database and to the table of wrapped keys, but not call KMS, moves rows
between patients, tenants, versions and elements, hoping that the wrong reader is shown them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from phivault.adapters.aws import client
from phivault.adapters.dynamodb_subject_keys import TABLE, DynamoDbSubjectKeys
from phivault.adapters.kms_wrapper import KmsKeyWrapper
from phivault.crypto.element import Element, SealContext, Unsealed
from phivault.crypto.envelope import read_header, seal, unseal
from phivault.crypto.subject_keys import SubjectKeys
from phivault.errors import Gone, IntegrityError

PLACES = [
    SealContext("t-1", "Patient/p-1", "Patient", "p-1", 1),
    SealContext("t-1", "Patient/p-1", "Patient", "p-1", 2),
    SealContext("t-1", "Patient/p-1", "Observation", "p-1", 1),
    SealContext("t-1", "Patient/p-2", "Patient", "p-2", 1),
    SealContext("t-2", "Patient/p-1", "Patient", "p-1", 1),
]


class Stack:
    """Keys as in the cloud, every reader with an empty cache."""

    def __init__(self, table: str, key_arn: str) -> None:
        self.table, self.key_arn = table, key_arn

    def keys(self) -> SubjectKeys:
        return SubjectKeys(DynamoDbSubjectKeys(self.table), KmsKeyWrapper(self.key_arn))

    def seal(self, place: SealContext) -> bytes:
        elements = [Element("name", "identifying", f"of {place.tenant} {place.id}".encode())]
        return seal(self.keys().for_sealing(place.tenant, place.subject), place, elements)

    def read(self, place: SealContext, envelope: bytes) -> Unsealed:
        version = read_header(envelope).key_version
        return unseal(self.keys().for_unsealing(place.tenant, place.subject, version), place, envelope)

    def row(self, place: SealContext) -> dict[str, Any]:
        return {"pk": {"S": f"T#{place.tenant}#{place.subject}"}, "sk": {"N": "1"}}


@pytest.fixture
def stack(new_table: Callable[[dict[str, Any]], str]) -> Stack:
    return Stack(new_table(TABLE), client("kms").create_key()["KeyMetadata"]["Arn"])


def test_an_envelope_opens_in_its_own_place_alone(stack: Stack) -> None:
    sealed = {place: stack.seal(place) for place in PLACES}
    for source, target in itertools.product(PLACES, PLACES):
        if source == target:
            assert stack.read(target, sealed[source])
        else:
            with pytest.raises(IntegrityError):
                stack.read(target, sealed[source])


@pytest.mark.parametrize("victim", [PLACES[3], PLACES[4]], ids=["another patient", "another tenant"])
def test_a_wrapped_key_copied_with_its_envelope_does_not_open(stack: Stack, victim: SealContext) -> None:
    attacker = PLACES[0]
    envelope = stack.seal(victim)
    stack.seal(attacker)
    dynamodb = client("dynamodb")
    item = dynamodb.get_item(TableName=stack.table, Key=stack.row(victim))["Item"]
    dynamodb.put_item(TableName=stack.table, Item=item | stack.row(attacker))
    with pytest.raises(IntegrityError):
        stack.read(attacker, envelope)


def test_an_erased_patient_gets_no_new_key_and_their_envelopes_stay_shut(stack: Stack) -> None:
    envelope = stack.seal(PLACES[0])
    client("dynamodb").update_item(
        TableName=stack.table, Key=stack.row(PLACES[0]), UpdateExpression="REMOVE wrapped_key"
    )
    with pytest.raises(Gone):
        stack.read(PLACES[0], envelope)
    with pytest.raises(Gone):
        stack.seal(PLACES[0])


def test_a_key_row_deleted_outright_is_noticed(stack: Stack) -> None:
    envelope = stack.seal(PLACES[0])
    client("dynamodb").delete_item(TableName=stack.table, Key=stack.row(PLACES[0]))
    with pytest.raises(IntegrityError):
        stack.read(PLACES[0], envelope)


def test_rows_of_different_key_versions_stay_apart(stack: Stack) -> None:
    """Every place before and after a rotation: an envelope opens in its own place, with its own key version alone."""
    before = {place: stack.seal(place) for place in PLACES}
    for tenant, subject in {(place.tenant, place.subject) for place in PLACES}:
        stack.keys().rotate(tenant, subject, lambda _: None)
    after = {place: stack.seal(place) for place in PLACES}
    assert {read_header(envelope).key_version for envelope in after.values()} == {2}
    for target, (source, envelope) in itertools.product(PLACES, [*before.items(), *after.items()]):
        if source == target:
            assert stack.read(target, envelope)
            continue
        with pytest.raises(IntegrityError):
            stack.read(target, envelope)


def test_an_envelope_that_claims_another_key_version_does_not_open(stack: Stack) -> None:
    place = PLACES[0]
    old = stack.seal(place)
    stack.keys().rotate(place.tenant, place.subject, lambda _: None)
    new = stack.seal(place)
    for envelope, claimed in ((old, 2), (new, 1), (new, 3)):
        with pytest.raises(IntegrityError):
            stack.read(place, envelope[:1] + claimed.to_bytes(4) + envelope[5:])


def test_wrapped_keys_swapped_between_versions_open_nothing_of_the_other(stack: Stack) -> None:
    """KMS binds a wrapped key to tenant and subject, not to its version: the envelope's commitment tells them apart."""
    place = PLACES[0]
    old = stack.seal(place)
    stack.keys().rotate(place.tenant, place.subject, lambda _: None)
    new = stack.seal(place)
    dynamodb, rows = client("dynamodb"), [stack.row(place) | {"sk": {"N": str(version)}} for version in (1, 2)]
    wrapped = [dynamodb.get_item(TableName=stack.table, Key=row)["Item"]["wrapped_key"] for row in rows]
    for row, other in zip(rows, reversed(wrapped), strict=True):
        dynamodb.put_item(TableName=stack.table, Item=row | {"wrapped_key": other})
    for envelope in (old, new):
        with pytest.raises(IntegrityError):
            stack.read(place, envelope)


def test_an_older_key_put_in_front_as_the_newest_is_no_way_back(stack: Stack) -> None:
    """Removing the newest row makes the older key seal again, and what the newest sealed is missed, not passed over."""
    place = PLACES[0]
    stack.seal(place)
    stack.keys().rotate(place.tenant, place.subject, lambda _: None)
    new = stack.seal(place)
    client("dynamodb").delete_item(TableName=stack.table, Key=stack.row(place) | {"sk": {"N": "2"}})
    with pytest.raises(IntegrityError):
        stack.read(place, new)


def test_a_key_wrapped_by_a_stranger_is_refused_also_as_a_former_one(stack: Stack) -> None:
    place = PLACES[0]
    own, stranger = (client("kms").create_key()["KeyMetadata"]["Arn"] for _ in range(2))
    material = bytes(32)
    wrapped = KmsKeyWrapper(stranger).wrap(place.tenant, place.subject, material)
    with pytest.raises(IntegrityError):
        KmsKeyWrapper(stack.key_arn, [own]).unwrap(place.tenant, place.subject, wrapped)
    assert KmsKeyWrapper(stack.key_arn, [stranger]).unwrap(place.tenant, place.subject, wrapped) == material
