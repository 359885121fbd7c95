"""Nothing leaves that rules in plain Python deny, and what they permit isn't withheld: for random policies of a tenant,
grants, consents, restrictions, broken glass, roles and purposes. And a guardrail that is taken away is noticed."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from cedarpy import PolicySet
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from phivault.access import decide
from phivault.access.decide import Decider
from phivault.access.policy_files import policy_text
from phivault.access.purpose import Purpose, PurposeOfUse
from phivault.access.validate import check_tenant_policies
from tests.support.own_policies import ACTIONS, PURPOSES, ROLES, Policy, policies, rules_of, text_of
from tests.support.records_fakes import PLANTED
from tests.support.reevaluated import NORTH, TYPES, USERS, Clinic, Texts, facts_about, principal_of, standings
from tests.support.rules import EVERY_CLASS, PHI, REFUSALS, Ask, Person, Standing, allows

PATIENTS = tuple(f"00000000-0000-0000-0000-00000000000{number}" for number in (1, 3))
"""Ids are given in turn: a patient's, and its Observation's."""
NOW = 100.0
FORMS = {"code", "birthDate"}
"""The elements here that are kept in generalised forms too."""
OWN = policies(USERS, PATIENTS, TYPES)
PEOPLE = st.builds(
    Person,
    user_id=st.sampled_from(USERS),
    role=st.sampled_from(ROLES),
    tenant=st.just(NORTH),
    patient=st.sampled_from(PATIENTS),
    mfa=st.sampled_from([True] * 7 + [False]),
).map(lambda person: person if person.role == "patient" else Person(person.user_id, person.role, NORTH, "", person.mfa))
ASKS = st.builds(
    Ask,
    person=PEOPLE,
    purpose=st.sampled_from(PURPOSES),
    action=st.sampled_from(ACTIONS),
    type=st.sampled_from(TYPES[:3]),
    data_class=st.sampled_from(sorted(EVERY_CLASS)),
    patient=st.sampled_from(PATIENTS),
    tenant=st.sampled_from([NORTH] * 7 + ["south"]),
    standing=standings,
    project=st.booleans(),
    is_new=st.booleans(),
    now=st.just(NOW),
) | st.builds(
    Ask,
    person=PEOPLE,
    purpose=st.sampled_from(PURPOSES),
    action=st.sampled_from(ACTIONS),
    type=st.sampled_from(["Organization", "Observation"]),
    data_class=st.sampled_from(sorted(EVERY_CLASS)),
    patient=st.just(""),
    tenant=st.just(NORTH),
)

RELEASES = (OWN, PEOPLE, st.sampled_from(PURPOSES), st.lists(standings, min_size=2, max_size=2), st.booleans())
"""A tenant's policies, who asks for which purpose, how they stand to two patients, whether for a project."""

EVERYTHING = [Policy(permits=True, directory=directory) for directory in (True, False)]
"""What a tenant may permit at most: guardrails alone are left to deny."""


class Judged:
    """A decider and its tenants' policies."""

    def __init__(self, ours: PolicySet | None = None) -> None:
        self.texts = Texts()
        self.decider = Decider(ours, self.texts)

    def version(self, own: list[Policy]) -> int:
        return self.texts.add(text_of(own))


def compare(judged: Judged, own: list[Policy], ask: Ask) -> None:
    who = principal_of(ask.person, judged.version(own))
    purpose = Purpose(PurposeOfUse(ask.purpose), asserted=True)
    facts, wanted = facts_about(ask, who), [ask.data_class]
    given = judged.decider.granted(who, purpose, ask.action, ask.type, facts, wanted, project=ask.project)
    assert bool(given) is allows(ask, rules_of(own)), text_of(own)


@settings(max_examples=100, deadline=None)
@given(OWN, st.lists(ASKS, min_size=4, max_size=6))
def test_every_decision_is_the_one_that_the_rules_tell(own: list[Policy], asks: list[Ask]) -> None:
    for ask in asks:
        compare(_judged(), own, ask)


@settings(max_examples=40, deadline=None)
@given(OWN)
def test_the_random_policies_are_ones_that_a_tenant_may_have(own: list[Policy]) -> None:
    effects = [effect for _, effect in check_tenant_policies(text_of(own))]
    assert effects == ["permit" if policy.permits else "forbid" for policy in own]


@pytest.mark.parametrize("guardrail", [*REFUSALS, "tenants-data-stays-apart", "every-request-needs-a-second-factor"])
def test_a_guardrail_that_is_taken_away_is_noticed(guardrail: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _decides_otherwise(_without(guardrail, monkeypatch), EVERYTHING)


@pytest.mark.parametrize("permission", ["a-grant-shows-what-it-names", "patient-sees-their-own-record"])
def test_a_permission_that_is_taken_away_is_noticed(permission: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _decides_otherwise(_without(permission, monkeypatch), [])


def _decides_otherwise(judged: Judged, own: list[Policy]) -> bool:
    def check(asks: list[Ask]) -> None:
        for ask in asks:
            compare(judged, own, ask)

    return _finds_a_counterexample(check, st.lists(ASKS, min_size=8, max_size=8))


def release(
    clinic: Clinic,
    judged: Judged,
    own: list[Policy],
    person: Person,
    of_use: str,
    both: list[Standing],
    *,
    project: bool,
) -> None:
    """Read and search everything as this person; compare what left, element by element."""
    clinic.tell(person, both, NOW)
    call = clinic.call(person, of_use, judged.version(own), project=project)
    rules = rules_of(own)
    for type, id in clinic.kept:
        asks = clinic.asks(person, of_use, type, id, project=project, now=NOW)
        readable = {ask.data_class for ask in asks.of("read", EVERY_CLASS) if allows(ask, rules)}
        # By ids alone is found what holds anything that one may search by; no more of it is shown than to a reader.
        found = any(allows(ask, rules) for ask in asks.of("search", held(asks.elements)))
        patient = asks.about.patient
        judge(asks.elements, readable, clinic.read(call, type, id))
        judge(asks.elements, readable if found else set(), clinic.search(call, type, _id=id).get(id))
        if patient and type != "Patient":
            of_patient = clinic.search(call, type, patient=patient).get(id)
            judge(asks.elements, readable if found else set(), of_patient)
        # Without naming anybody a search looks among one's own patients only: more isn't promised, less is judged.
        anywhere = clinic.search(call, type).get(id)
        if anywhere is not None:
            judge(asks.elements, readable if found else set(), anywhere)


def held(elements: dict[str, str]) -> set[str]:
    """The classes of what a resource with these elements holds, generalised forms among them."""
    return set(elements.values()) | ({"deidentified"} if FORMS & set(elements) else set())


def judge(elements: dict[str, str], readable: set[str], released: dict[str, Any] | None) -> None:
    """``elements`` of a resource have data classes, of which ``readable`` may be released."""
    present = set(elements.values())
    readable = readable & (present | {"deidentified"})
    general = "deidentified" in readable and not readable & PHI and not present <= readable
    visible = {name for name, data_class in elements.items() if data_class in readable}
    has_forms = bool(FORMS & set(elements))
    if released is None:
        assert not (has_forms if general else visible), readable
        return
    assert readable
    shown = set(released) - {"resourceType", "id", "meta"}
    if general:
        text = json.dumps(released)
        assert not [value for value in PLANTED if value in text.replace('"value": 6.25', "")]
        assert "note" not in shown
        assert "name" not in shown
    else:
        assert shown == visible, readable


def test_what_leaves_is_what_the_rules_permit() -> None:
    judged, seen = Judged(), Counter[bool]()
    clinic = Clinic(judged.decider, seen)
    assert clinic.patients == PATIENTS

    @settings(max_examples=80, deadline=None)
    @given(*RELEASES)
    def check(own: list[Policy], person: Person, of_use: str, both: list[Standing], project: bool) -> None:
        release(clinic, judged, own, person, of_use, both, project=project)

    check()
    assert seen[True] > 20
    assert seen[False] > 20


@pytest.mark.parametrize(
    "guardrail", ["sensitive-data-needs-a-grant-or-consent", "consent-withholds", "a-restricted-record-rests"]
)
def test_records_without_a_guardrail_release_what_the_rules_deny(
    guardrail: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged = _without(guardrail, monkeypatch)
    clinic = Clinic(judged.decider)

    def check(own: list[Policy], person: Person, of_use: str, both: list[Standing], project: bool) -> None:
        release(clinic, judged, own, person, of_use, both, project=project)

    assert _finds_a_counterexample(check, st.just(EVERYTHING), *RELEASES[1:])


@cache
def _judged() -> Judged:
    return Judged()


def _without(policy: str, monkeypatch: pytest.MonkeyPatch) -> Judged:
    whole = policy_text()
    left = re.sub(rf'@id\("{policy}"\)[^;]*;', "", whole)
    assert left != whole
    monkeypatch.setattr(decide, "policy_text", lambda: left)
    return Judged(PolicySet.from_str(left))


def _finds_a_counterexample(check: Callable[..., None], *parts: st.SearchStrategy[Any]) -> bool:
    """Whether an example fails; it isn't made smaller, since nobody looks at it."""
    tried = settings(max_examples=2000, deadline=None, database=None, derandomize=True, phases=[Phase.generate])
    whole: Callable[[], None] = tried(given(*parts)(check))
    try:
        whole()
    except AssertionError:
        return True
    return False
