"""What consents say to whom: the rules of docs/consent.md, one by one, and against a second evaluation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phivault.access.consent import Provision, facts_of
from phivault.access.facts import ConsentFacts
from phivault.access.principal import Principal
from phivault.access.purpose import Purpose, PurposeOfUse
from phivault.access.roles import Role
from phivault.phi.data_class import DataClass
from tests.support.people import EMERGENCY, RESEARCH, TREATMENT, principal

CLASSES = frozenset(each.value for each in DataClass)
EVERYDAY = frozenset(each.value for each in PurposeOfUse) - {"EMERGENCY"}
DR = principal(Role.CLINICIAN, user_id="dr")
OTHER = principal(Role.CLINICIAN, user_id="other")
NOTHING = ConsentFacts()
NOW = 1000.0


def deny(**changes: Any) -> Provision:
    return Provision(**{"permit": False, "classes": CLASSES, "purposes": EVERYDAY} | changes)


def permit(**changes: Any) -> Provision:
    return Provision(**{"permit": True, "classes": CLASSES - {"sensitive"}, "purposes": EVERYDAY} | changes)


def ask(*consents: Provision, of: Principal = DR, purpose: Purpose = TREATMENT, now: float = NOW) -> ConsentFacts:
    return facts_of(consents, of, purpose, "p", now)


def of(*names: str) -> frozenset[str]:
    return frozenset(names)


def test_no_consent_says_nothing() -> None:
    assert ask() == NOTHING


def test_a_deny_withholds_every_class_from_everyone() -> None:
    for someone in (DR, principal(Role.RESEARCHER), principal(Role.PATIENT, patient_id="child")):
        assert ask(deny(), of=someone) == ConsentFacts(denies=CLASSES)


def test_the_patient_themself_is_told_nothing() -> None:
    self = principal(Role.PATIENT, patient_id="p", user_id="dr")
    for rule in (deny(), deny(users=of("dr")), deny(roles=of("patient")), permit(users=of("dr"))):
        assert ask(rule, of=self) == NOTHING


def test_a_permit_for_a_person_permits_to_that_person_alone() -> None:
    rule = permit(users=of("dr"))
    assert ask(rule) == ConsentFacts(permits=CLASSES - {"sensitive"})
    assert ask(rule, of=OTHER) == NOTHING


@pytest.mark.parametrize("named", [{}, {"roles": frozenset({"clinician"})}])
def test_a_permit_for_a_role_or_nobody_only_opens_the_sensitive_class(named: dict[str, Any]) -> None:
    assert ask(permit(**named)) == NOTHING
    assert ask(permit(classes=CLASSES, **named)) == ConsentFacts(sensitive=True)
    assert ask(permit(classes=of("clinical", "sensitive"), **named)) == ConsentFacts(sensitive=True)


def test_a_role_is_named_for_those_who_have_it() -> None:
    assert ask(deny(roles=of("researcher"))) == NOTHING
    assert ask(deny(roles=of("researcher")), of=principal(Role.RESEARCHER)).denies == CLASSES
    assert ask(deny(roles=of("researcher"), users=of("dr"))).denies == CLASSES


def test_purposes_limit() -> None:
    rule = deny(purposes=of("RESEARCH"))
    assert ask(rule) == NOTHING
    assert ask(rule, purpose=RESEARCH).denies == CLASSES
    assert ask(deny(), purpose=EMERGENCY) == NOTHING
    assert ask(deny(purposes=of("EMERGENCY")), purpose=EMERGENCY).denies == CLASSES


@pytest.mark.parametrize(("now", "holds"), [(999.999, False), (1000, True), (1999.999, True), (2000, False)])
def test_a_period_holds_from_its_start_until_its_end(now: float, holds: bool) -> None:
    assert bool(ask(deny(starts=1000.0, until=2000.0), now=now).denies) is holds
    exception = deny(exceptions=(permit(users=of("dr"), starts=1000.0, until=2000.0),))
    assert bool(ask(exception, now=now).permits) is holds


def test_an_exception_is_deeper_and_wins_where_it_covers() -> None:
    rule = deny(exceptions=(permit(users=of("dr")),))
    assert ask(rule) == ConsentFacts(permits=CLASSES - {"sensitive"}, denies=of("sensitive"))
    assert ask(rule, of=OTHER).denies == CLASSES
    deeper = permit(users=of("dr"), exceptions=(deny(classes=of("contact"), users=of("dr")),))
    assert ask(deny(exceptions=(deeper,))) == ConsentFacts(
        permits=CLASSES - {"sensitive", "contact"}, denies=of("sensitive", "contact")
    )


def test_an_exception_covers_nothing_that_the_rule_around_it_does_not() -> None:
    rule = deny(classes=of("contact"), exceptions=(permit(users=of("dr")),))
    assert ask(rule) == ConsentFacts(permits=of("contact"))
    assert ask(permit(users=of("other"), exceptions=(deny(),))) == NOTHING


def test_an_exception_for_a_role_lifts_a_denial_and_permits_nothing() -> None:
    rule = deny(exceptions=(permit(roles=of("clinician")),))
    assert ask(rule) == ConsentFacts(denies=of("sensitive"))


def test_of_exceptions_side_by_side_the_one_that_denies_wins() -> None:
    one = permit(users=of("dr"))
    other = permit(users=of("dr"), exceptions=(deny(classes=of("clinical")),))
    for exceptions in ((one, other), (other, one)):
        assert ask(deny(exceptions=exceptions)).denies == of("clinical", "sensitive")


def test_between_consents_the_one_that_denies_wins() -> None:
    both = ask(permit(users=of("dr"), classes=CLASSES), permit(classes=CLASSES), deny(classes=of("sensitive")))
    assert both == ConsentFacts(permits=CLASSES - {"sensitive"}, denies=of("sensitive"))


_classes = st.frozensets(st.sampled_from(sorted(CLASSES)), min_size=1)
_purposes = st.frozensets(st.sampled_from([each.value for each in PurposeOfUse]), min_size=1)
_users, _roles = (st.frozensets(st.sampled_from(names)) for names in (["dr", "other"], ["clinician", "researcher"]))
_times = st.sampled_from([0.0, 500.0, 1000.0, 1500.0])


def _rule(exceptions: st.SearchStrategy[Any]) -> st.SearchStrategy[Provision]:
    return st.builds(
        Provision,
        permit=st.booleans(),
        classes=_classes,
        purposes=_purposes,
        users=_users,
        roles=_roles,
        starts=_times,
        until=_times,
        exceptions=exceptions,
    )


_rules = st.recursive(_rule(st.just(())), lambda rules: _rule(st.lists(rules, max_size=3).map(tuple)), max_leaves=6)


def _paths(rule: Provision, before: tuple[Provision, ...] = ()) -> list[tuple[Provision, ...]]:
    path = (*before, rule)
    return [path, *(each for inner in rule.exceptions for each in _paths(inner, path))]


def _said(consent: Provision, someone: Principal, purpose: str, data_class: str) -> Provision | None:
    """A second evaluation, from the paths: those all of whose rules cover; of these the ones that nothing deeper
    follows; of them one that denies."""

    def covers(rule: Provision) -> bool:
        named = rule.users | rule.roles
        actor = not named or someone.user_id in rule.users or someone.role.value in rule.roles
        return actor and purpose in rule.purposes and data_class in rule.classes and rule.starts <= NOW < rule.until

    live = [path for path in _paths(consent) if all(map(covers, path))]
    ends = [path for path in live if not any(len(other) > len(path) and other[: len(path)] == path for other in live)]
    verdicts = [path[-1] for path in ends]
    denials = [rule for rule in verdicts if not rule.permit]
    by_name = [rule for rule in verdicts if someone.user_id in rule.users]
    return next(iter([*denials, *by_name, *verdicts]), None)


@given(st.lists(_rules, max_size=4), st.sampled_from([DR, OTHER, principal(Role.RESEARCHER)]), _purposes)
def test_agrees_with_a_second_evaluation(consents: list[Provision], someone: Principal, among: frozenset[str]) -> None:
    purpose = min(among)
    said = [(name, _said(each, someone, purpose, name)) for each in consents for name in CLASSES]
    denied = {name for name, rule in said if rule and not rule.permit}
    named = {name for name, rule in said if rule and rule.permit and someone.user_id in rule.users}
    open_to_all = any(name == "sensitive" and rule and rule.permit and name not in named for name, rule in said)
    found = ask(*consents, of=someone, purpose=Purpose(PurposeOfUse(purpose), asserted=True))
    assert found.denies == denied
    assert found.permits == named - denied
    assert not (found.permits & found.denies)
    if "sensitive" in denied:
        assert not found.sensitive
    elif "sensitive" not in named:
        assert found.sensitive is open_to_all


@given(_rules, st.sampled_from(sorted(CLASSES)))
def test_one_denial_more_never_releases_more(consent: Provision, name: str) -> None:
    before = ask(consent)
    after = ask(consent, replace(deny(), classes=frozenset({name})))
    assert after.permits <= before.permits
    assert after.denies == before.denies | {name}
    assert after.sensitive <= before.sensitive
