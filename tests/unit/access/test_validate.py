"""A tenant's text is held to the schema, to FHIR data and to bounds, before anything is decided by it."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phivault.access.policy_files import policy_text
from phivault.access.validate import check_tenant_policies, our_ids
from phivault.errors import InvalidInput

NURSES = """
@id("labs-open-notes")
permit (principal in Role::"care_coordinator", action in [Action::"read", Action::"search"], resource is PatientData)
when { resource.type == "Observation" && principal in resource.patient.careTeam };
@id("no-deletes")
forbid (principal, action == Action::"delete", resource);
"""
SECRET = "Zyxwvuts"


def one(condition: str = "true", *, head: str = '@id("a")', action: str = 'action in Action::"fhir"') -> str:
    return f"{head} permit (principal, {action}, resource is PatientData) when {{ {condition} }};"


def test_valid_policies_are_told_by_id_and_effect() -> None:
    assert check_tenant_policies(NURSES) == [("labs-open-notes", "permit"), ("no-deletes", "forbid")]


@pytest.mark.parametrize("text", ["", "\n", "// nothing\n"])
def test_none_at_all_are_fine(text: str) -> None:
    assert check_tenant_policies(text) == []


def test_more_than_ten_keep_their_order() -> None:
    text = "\n".join(one(head=f'@id("p-{number}")') for number in range(100))
    assert [id for id, _ in check_tenant_policies(text)] == [f"p-{number}" for number in range(100)]


REFUSED = {
    "not Cedar": (one(f"{SECRET} ("), "not valid Cedar; see policy 1"),
    "second not Cedar": (one() + f"\npermit ({SECRET});", "not valid Cedar; see policy 2"),
    "no end": (one(f'resource.type == "{SECRET}'), "Policy 1: a string has no end"),
    "no id": (one(head=""), "Policy 1: give it an @id"),
    "bare id": (one(head="@id"), "Policy 1: give it an @id"),
    "odd id": (one(head=f'@id("{SECRET}")'), "Policy 1: give it an @id"),
    "long id": (one(head=f'@id("{"a" * 65}")'), "Policy 1: give it an @id"),
    "id twice": (one() + one(), "Policy 2: its @id is taken"),
    "our id": (one(head='@id("consent-withholds")'), "Policy 1: its @id is that of a policy of the product"),
    "template": (
        '@id("a") permit (principal == ?principal, action in Action::"fhir", resource);',
        "template",
    ),
    "every action": (one(action="action"), "Policy 1: its actions"),
    "another action": (
        '@id("a") permit (principal, action in [Action::"read", Action::"audit:open"], resource);',
        "Policy 1: its actions",
    ),
    "application": ('@id("a") permit (principal, action in Action::"application", resource);', "its actions"),
    "unknown action": (one(action=f'action == Action::"{SECRET}"'), "Policy 1 names a word"),
    "unknown role": (one(f'principal in Role::"{SECRET}"'), "Policy 1 names a word"),
    "unknown class": (one(f'resource in DataClass::"{SECRET}"'), "Policy 1 names a word"),
    "unknown attribute": (one(f"resource.patient.{SECRET}"), "Policy 1 names an attribute"),
    "self unasked": (one("principal.self == resource.patient"), "Policy 1 names an attribute"),
    "patient of everything": (
        '@id("a") permit (principal, action in Action::"fhir", resource) when { resource.patient.restricted };',
        "Policy 1 names an attribute",
    ),
    "types": (one("resource.type == 3"), "Policy 1 compares"),
    "no request": (
        '@id("a") permit (principal is Patient, action in Action::"fhir", resource);',
        "Policy 1 has a scope",
    ),
    "overflow": (one("9223372036854775807 + 1 > 0"), "Policy 1: computes"),
    "overflow in a record": (one("{Value: 9223372036854775807 + 1} == {Value: 1}"), "Policy 1: computes"),
    "time overflows": (
        one('datetime("2020-01-01").offset(duration("9223372036854775807ms")) > datetime("2020-01-01")'),
        "Policy 1: computes",
    ),
    "attribute of who isn't there": (one('User::"x".tenant == principal.tenant'), "Policy 1: only principal"),
    "attribute of one's own record": (
        one("principal has self && principal.self.restricted"),
        "Policy 1: only principal",
    ),
    "attribute of a choice": (
        one('(if true then principal else User::"x").tenant == principal.tenant'),
        "Policy 1: only principal",
    ),
    "too many": ("\n".join(one(head=f'@id("p{number}")') for number in range(101)), "more than 100"),
    "too large": ("// " + "x" * (64 << 10), "more than 64 KiB"),
    "no Unicode": (one('resource.type == "\ud800"'), "not Unicode"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_wrong_is_refused_by_place_and_rule(name: str) -> None:
    text, rule = REFUSED[name]
    with pytest.raises(InvalidInput) as refused:
        check_tenant_policies(text)
    assert rule in str(refused.value)
    assert SECRET not in str(refused.value)


DEEP = {
    "brackets": lambda n: "(" * n + "true" + ")" * n,
    "sets": lambda n: "[" * n + "1" + "]" * n + " == " + "[" * n + "1" + "]" * n,
    "records": lambda n: "{a:" * n + "1" + "}" * n + " == " + "{a:" * n + "1" + "}" * n,
    "choices": lambda n: "if true then " * n + "true" + " else true" * n,
    "choices in brackets": lambda n: "(if (true) then " * n + "true" + " else true)" * n,
    "behind a string": lambda n: '"]" == "]" && ' + "(" * n + "true" + ")" * n,
    "behind a comment": lambda n: "true && // ))))\r" + "(" * n + "true" + ")" * n,
    "closed in a string": lambda n: '("))))" == "" || ' * n + "true" + ")" * n,
    "long": lambda n: "true && " * n + "true",
}


@pytest.mark.parametrize("shape", DEEP)
def test_deep_text_never_reaches_the_parser(shape: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some of these end the process inside Cedar's parser: see that it isn't asked before trying."""
    monkeypatch.setattr("phivault.access.validate.policies_to_json_str", lambda _: pytest.fail("parsed"))
    with pytest.raises(InvalidInput, match="Policy 1: too deep or too long"):
        check_tenant_policies(one(DEEP[shape](2000)))


@pytest.mark.parametrize("shape", DEEP)
def test_what_is_just_within_the_bounds_is_parsed(shape: str) -> None:
    assert check_tenant_policies(one(DEEP[shape](10))) == [("a", "permit")]


def test_our_own_policies_are_none_of_a_tenants() -> None:
    assert "consent-withholds" in our_ids()
    with pytest.raises(InvalidInput, match="of a policy of the product"):
        check_tenant_policies(policy_text())


@given(st.text(alphabet=st.sampled_from('@id("a)permit({}[];,.principalction resource"\\//\n\r&|!=<>+-0')))
def test_any_text_is_taken_or_refused_as_invalid(text: str) -> None:
    with contextlib.suppress(InvalidInput):
        check_tenant_policies(text)
