"""What a warm read is made of, and how often it calls KMS.

Sealing, policies, recorder and the wrapper of subject keys are real; database, bucket and tables are in memory, KMS
answers in this process. So what is compared is our own work, without any network.
"""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch

from moto import mock_aws

from phivault.adapters import aws
from phivault.adapters.kms_wrapper import KmsKeyWrapper
from phivault.audit.event import Action
from phivault.crypto.subject_keys import SubjectKeys
from phivault.records.address import address
from phivault.records.authorise import Authority
from phivault.records.events import Trail
from phivault.records.fhir_meta import present
from phivault.records.open import open_elements
from phivault.records.read import read
from phivault.records.released import decide
from tests.bench._measure import Figure, rounds
from tests.support.records_fakes import World, a_patient

WARM_READS = 50


@dataclass(slots=True)
class Kms:
    """A KMS key and how many calls were made to KMS."""

    key_arn: str
    calls: int = 0

    def count(self, **_: Any) -> None:
        self.calls += 1


def figures() -> Iterator[Figure]:
    with _kms() as kms:
        world = World()
        _forget_keys(world, kms)
        patient = world.make("Patient", a_patient()).id

        _forget_keys(world, kms)
        kms.calls = 0
        read(world.records, world.call(), "Patient", patient)
        yield Figure("KMS calls of a read with a cold subject key", kms.calls, 1)

        kms.calls = 0
        for _ in range(WARM_READS):
            read(world.records, world.call(), "Patient", patient)
        yield Figure("KMS calls of a warm read", kms.calls / WARM_READS, 0)

        yield from _shares(world, patient)


def _shares(world: World, patient: str) -> Iterator[Figure]:
    call, parts = world.call(), _parts(world, patient)
    taken = rounds(parts | {"read": lambda: read(world.records, call, "Patient", patient)}, 300, 5)
    whole = [sum(spent[part] for part in parts) for spent in taken]
    glue = statistics.median(spent["read"] / parts for spent, parts in zip(taken, whole, strict=True))
    yield Figure("a warm read / its parts measured alone, together", glue)
    for part in parts:
        yield Figure(f"{part} / a warm read", statistics.median(spent[part] / spent["read"] for spent in taken))


def _parts(world: World, patient: str) -> dict[str, Callable[[], object]]:
    """The steps of a read, each with what the one before gives it."""
    sealed = world.store.read("north", "Patient", patient)
    assert sealed is not None
    trail = Trail(world.records, world.call(), Action.READ, address("Patient", patient))
    trail.about(version=sealed.version, patient=patient)
    view = decide(Authority(trail), "read", sealed, patient)
    assert view is not None
    members = open_elements(trail, sealed, view.names)

    def answer() -> bytes:
        withheld = not view.complete
        return present(
            members, id=patient, resource_type="Patient", version=sealed.version, at=sealed.at, withheld=withheld
        )

    return {
        "find the sealed row": lambda: world.store.read("north", "Patient", patient),
        "decide": lambda: decide(Authority(trail), "read", sealed, patient),
        "record": lambda: trail.record(trail.event(view.classes)),
        "unseal": lambda: open_elements(trail, sealed, view.names),
        "write the answer": answer,
    }


def _forget_keys(world: World, kms: Kms) -> None:
    world.records = replace(world.records, keys=SubjectKeys(world.key_store, KmsKeyWrapper(kms.key_arn)))


@contextmanager
def _kms() -> Iterator[Kms]:
    endpoints = {name: "" for name in os.environ if name.startswith("AWS_ENDPOINT_URL")}
    with patch.dict(os.environ, {"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1"} | endpoints), mock_aws():
        aws.forget_clients()
        kms = Kms(aws.client("kms").create_key()["KeyMetadata"]["Arn"])
        aws.client("kms").meta.events.register("before-call.kms", kms.count)
        yield kms
        aws.forget_clients()
