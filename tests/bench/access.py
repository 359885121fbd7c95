"""What decisions cost beside Cedar alone, and what they are of a read.

"cedarpy" is one call of ``is_authorized_batch`` with requests and entities made beforehand. What is measured decides
with nothing remembered, but where the name says so.
"""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from cedarpy import PolicySet, is_authorized_batch

from phivault.access.batch import Batch
from phivault.access.decide import Asked, Decider
from phivault.access.facts import ConsentFacts, PatientFacts
from phivault.access.policy_files import policy_text, schema
from phivault.access.question import Asker, DataQuestion
from phivault.access.roles import Role
from phivault.phi.data_class import DataClass
from phivault.records.read import read
from tests.bench._measure import Figure, ratio, rounds
from tests.support.people import TREATMENT, principal
from tests.support.records_fakes import World, a_patient

POLICIES = 100
CACHED_MICROSECONDS = 20
CLINICIAN = principal(Role.CLINICIAN)
MEMBER = PatientFacts("p", "t", in_care_team=True, team_sees_sensitive=True)
TYPES = ("Observation", "Condition", "Encounter", "Procedure", "Immunization", "MedicationRequest")


def figures() -> Iterator[Figure]:
    hundred = _hundred_policies()
    yield Figure(
        f"six data classes of one resource under {POLICIES} policies / cedarpy, one batch",
        ratio(_decided(hundred, [_about(MEMBER)]), _cedar(hundred, [MEMBER]), count=60, repeats=5),
        1.3,
    )
    ours = PolicySet.from_str(policy_text())
    one = _decided(ours, [_about(MEMBER)])
    subsets = itertools.islice(itertools.cycle(_subsets()), 50)
    of_one = [Asked("read", "Observation", MEMBER, classes) for classes in subsets]
    yield Figure("50 resources of one patient / one resource", ratio(_decided(ours, of_one), one, count=60), 3)
    mixed = [Asked("read", type, MEMBER, DataClass) for type in itertools.islice(itertools.cycle(TYPES), 50)]
    yield Figure("50 resources of one patient, of six types / one", ratio(_decided(ours, mixed), one, count=30))

    alike = [replace(MEMBER, id=f"p{number}") for number in range(50)]
    different = _all_different(50)
    yield Figure("50 patients to whom one stands alike / cedarpy, one batch", _patients(ours, alike), 1.2)
    yield Figure("50 patients, each standing differently / cedarpy, one batch", _patients(ours, different), 1.2)

    yield Figure("a remembered decision, microseconds", _cached(), CACHED_MICROSECONDS)
    yield from _of_a_read()


def _hundred_policies() -> PolicySet:
    """Ours and a tenant's, each about another type, purpose and class."""
    ours = policy_text()
    missing = POLICIES - ours.count("@id(")
    made = (
        f'@id("tenants-{number}") {effect} (principal in Role::"{role}", action == Action::"read",'
        f' resource is PatientData in DataClass::"{data_class}")'
        f' when {{ context.purpose == Purpose::"{purpose}" && resource.type == "Type{number}"'
        " && principal in resource.patient.careTeam };"
        for number, (effect, role, data_class, purpose) in enumerate(
            itertools.product(("permit", "forbid"), ("clinician", "researcher"), DataClass, ("TREATMENT", "PAYMENT"))
        )
    )
    again = itertools.cycle(list(made))
    return PolicySet.from_str("\n".join([ours, *itertools.islice(again, missing)]))


def _decided(policies: PolicySet, asked: Sequence[Asked[DataClass]]) -> Callable[[], object]:
    return lambda: Decider(policies).granted_all(CLINICIAN, TREATMENT, asked)


def _cedar(policies: PolicySet, patients: Sequence[PatientFacts]) -> Callable[[], object]:
    asker = Asker(CLINICIAN.user_id, CLINICIAN.tenant, str(CLINICIAN.role), "", mfa=True)
    classes = tuple(map(str, DataClass))
    batch = Batch([DataQuestion(asker, "TREATMENT", "read", "Observation", each, classes) for each in patients])
    requests, entities = batch.requests, batch.entities()
    return lambda: is_authorized_batch(requests, policies, entities, schema())


def _about(patient: PatientFacts) -> Asked[DataClass]:
    return Asked("read", "Observation", patient, DataClass)


def _subsets() -> list[tuple[DataClass, ...]]:
    """The elements of resources are of many combinations of classes."""
    return [some for size in range(1, 7) for some in itertools.combinations(DataClass, size)]


def _all_different(count: int) -> list[PatientFacts]:
    """What is granted and what a consent denies differ with each."""
    given = [frozenset(map(str, some)) for some in _subsets()]
    return [
        replace(MEMBER, id=f"p{number}", granted=given[number], consent=ConsentFacts(denies=given[-1 - number]))
        for number in range(count)
    ]


def _patients(policies: PolicySet, patients: Sequence[PatientFacts]) -> float:
    return ratio(
        _decided(policies, [_about(each) for each in patients]), _cedar(policies, patients), count=7, repeats=1
    )


def _cached() -> float:
    """The median over rounds."""
    decider, times = Decider(), []
    for _ in range(50):
        start = time.process_time_ns()
        for _ in range(500):
            decider.granted(CLINICIAN, TREATMENT, "read", "Observation", MEMBER, DataClass)
        times.append((time.process_time_ns() - start) / 500 / 1000)
    return statistics.median(times)


def _of_a_read() -> Iterator[Figure]:
    """A warm read of everything with its facts, the first of its kind and one like it before."""
    world = World()
    patient = world.make("Patient", a_patient()).id
    call = world.call()

    def first() -> object:
        world.records = replace(world.records, decider=Decider())
        return read(world.records, call, "Patient", patient)

    def again() -> object:
        return read(known, call, "Patient", patient)

    known = world.records
    taken = rounds({"first": first, "again": again}, 40, 5)
    yield Figure(
        "a read that is decided anew / one like one before", statistics.median(t["first"] / t["again"] for t in taken)
    )
    yield Figure(
        "a read with its facts, decided anew, microseconds", statistics.median(t["first"] for t in taken) * 1e6
    )
    yield Figure("a read with its facts, remembered, microseconds", statistics.median(t["again"] for t in taken) * 1e6)
