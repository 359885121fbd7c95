"""The policy files by themselves: valid, named, and speaking of the same words as the code."""

from __future__ import annotations

import json
import re

from cedarpy import policies_to_json_str, validate_policies

from local.policies import problems
from phivault.access.policy_files import policies, policy_text, schema, schema_text
from phivault.access.purpose import PurposeOfUse
from phivault.access.roles import Role
from phivault.phi.data_class import DataClass


def test_the_policies_are_valid_against_the_schema() -> None:
    result = validate_policies(policy_text(), schema_text())
    assert result.validation_passed, result.errors


def test_a_policy_with_an_unknown_word_is_not_valid() -> None:
    assert not validate_policies(policy_text().replace('Role::"auditor"', 'Role::"auditer"'), schema_text())
    assert not validate_policies(policy_text().replace("context.purpose", "context.reason"), schema_text())


def test_what_make_check_finds() -> None:
    text = policy_text()
    assert problems(text, schema_text()) == []
    assert problems(text + "permit (", schema_text())[0].startswith("not Cedar")
    assert problems(text.replace("context.purpose", "context.reason"), schema_text())
    assert problems(text + text, schema_text())[0].endswith("2 times")
    nameless = 'permit (principal, action == Action::"read", resource);'
    assert problems(text + nameless, schema_text()) == ["a policy without @id: 1 times"]
    assert "a template: ours are whole" in problems(
        '@id("a") permit (principal == ?principal, action == Action::"read", resource);', schema_text()
    )


def test_every_policy_has_a_name_of_its_own() -> None:
    parsed = json.loads(policies_to_json_str(policy_text()))["staticPolicies"].values()
    names = [policy.get("annotations", {}).get("id") for policy in parsed]
    assert all(names)
    assert len(set(names)) == len(names) == len(policies())


def test_the_schema_knows_the_roles_classes_and_purposes_of_the_code() -> None:
    assert _words("Role") == set(Role)
    assert _words("DataClass") == set(DataClass)
    assert _words("Purpose") == set(PurposeOfUse)


def test_files_are_parsed_once() -> None:
    assert policies() is policies()
    assert schema() is schema()


def _words(entity: str) -> set[str]:
    listed = re.search(rf"entity {entity} enum \[(.*?)\]", schema_text(), re.DOTALL)
    assert listed
    return set(re.findall(r'"([^"]+)"', listed[1]))
