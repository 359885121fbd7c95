"""A decision outlives the fact that it was made by, or answers another's question."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from phivault.access.decide import Decider
from phivault.access.facts import PatientFacts
from phivault.access.principal import Principal
from phivault.access.purpose import Purpose
from phivault.access.remembered import Remembered
from phivault.access.roles import Role
from phivault.phi.data_class import DataClass
from tests.support.facts import MemoryFacts
from tests.support.people import EMERGENCY, TREATMENT, principal

CLINICIAN = principal(Role.CLINICIAN)


def reads(decider: Decider, who: Principal, facts: MemoryFacts, purpose: Purpose = TREATMENT) -> bool:
    patient = facts.load(who, TREATMENT, ["p"])["p"]
    return bool(decider.granted(who, purpose, "read", "Observation", patient, DataClass))


def test_a_membership_that_ends_ends_the_grant_at_once(decider: Decider) -> None:
    facts = MemoryFacts()
    assert not reads(decider, CLINICIAN, facts)
    facts.join_care_team("t", "p", "user", Role.CLINICIAN)
    assert reads(decider, CLINICIAN, facts)
    facts.members.clear()
    assert not reads(decider, CLINICIAN, facts)


def test_one_users_grant_is_not_anothers(decider: Decider) -> None:
    facts = MemoryFacts()
    facts.join_care_team("t", "p", "user", Role.CLINICIAN)
    assert reads(decider, CLINICIAN, facts)
    assert not reads(decider, principal(Role.CLINICIAN, user_id="other"), facts)
    assert not reads(decider, principal(Role.CLINICIAN, tenant="u"), facts)
    assert not reads(decider, principal(Role.RESEARCHER), facts)
    assert not reads(decider, principal(Role.CLINICIAN, mfa=False), facts)
    assert not reads(decider, CLINICIAN, facts, EMERGENCY)


def test_a_narrow_question_does_not_widen(decider: Decider) -> None:
    coordinator, anyone = principal(Role.CARE_COORDINATOR), PatientFacts("p", "t")
    some = decider.granted(coordinator, TREATMENT, "read", "Patient", anyone, [DataClass.CONTACT])
    every = decider.granted(coordinator, TREATMENT, "read", "Patient", anyone, DataClass)
    assert some == {DataClass.CONTACT}
    assert every == {DataClass.ADMINISTRATIVE, DataClass.IDENTIFYING, DataClass.CONTACT}


def test_a_grant_for_one_action_is_none_for_another(decider: Decider) -> None:
    me, mine = principal(Role.CLINICIAN), PatientFacts("p", "t", is_new=True)
    assert decider.granted(me, TREATMENT, "create", "Patient", mine, DataClass)
    assert not decider.granted(me, TREATMENT, "read", "Patient", mine, DataClass)


def test_a_flood_of_questions_neither_grows_memory_nor_changes_answers() -> None:
    decider = Decider()
    decider._memory = Remembered(8)

    def ask(n: int) -> bool:
        facts = PatientFacts(f"p{n % 20}", "t", in_care_team=n % 2 == 0)
        return bool(decider.granted(CLINICIAN, TREATMENT, "read", f"Type{n % 20}", facts, [DataClass.CLINICAL]))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(400))) == [n % 2 == 0 for n in range(400)]
    assert len(decider._memory) <= 8
