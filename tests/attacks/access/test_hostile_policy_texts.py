"""An administrator proposes policies that take long to decide by, or that read otherwise than they decide."""

from __future__ import annotations

import json
import time

import pytest

from phivault.access.decide import Decider
from phivault.access.facts import PatientFacts
from phivault.access.roles import Role
from phivault.access.validate import MAX_BYTES, check_tenant_policies
from phivault.errors import InvalidInput
from phivault.permissions.policies.state import MOST_OPEN
from phivault.phi.data_class import DataClass
from tests.support.people import TREATMENT, principal

LAMBDA_ANSWER = 6 << 20


def policy(condition: str, number: int = 1) -> str:
    scope = 'principal, action in Action::"fhir", resource is PatientData'
    return f'@id("p-{number}") permit ({scope}) when {{ {condition} }};'


@pytest.mark.parametrize(
    "left",
    [
        f'"{"a" * 30_000}"',
        f'(if context.mfa then "{"a" * 15_000}" else "{"b" * 15_000}")',
        f'{{type: "{"a" * 30_000}"}}.type',
    ],
    ids=["text", "chosen text", "text in a record"],
)
def test_patterns_are_held_against_short_texts_alone(left: str) -> None:
    """Of two texts of 30,000 characters one comparison takes a second or two, and a request makes six or more."""
    with pytest.raises(InvalidInput, match="Policy 1"):
        check_tenant_policies(policy(f'{left} like "*{"a" * 15_000}b"'))


class Tenant:
    def __init__(self, text: str) -> None:
        self._text = text

    def text(self, tenant: str, version: int) -> str:
        return self._text


@pytest.mark.parametrize(
    "condition",
    [
        f'resource.type like "{"*e" * 150}*"',
        "[" + ", ".join(f'"{number}"' for number in range(90)) + "].contains(resource.type)",
        " && ".join(['resource.type like "*O*b*s*e*r*"'] * 14),
    ],
    ids=["stars", "sets", "chains"],
)
def test_the_most_that_is_accepted_is_decided_in_time(condition: str) -> None:
    text = "\n".join(policy(condition, number) for number in range(100))
    assert len(text) < MAX_BYTES
    assert len(check_tenant_policies(text)) == 100
    decider, who = Decider(tenants=Tenant(text)), principal(Role.CLINICIAN, policies=1)
    patients = [PatientFacts(f"patient-{number}", "t", in_care_team=True) for number in range(2)]
    decider.granted(who, TREATMENT, "read", "Observation", patients[0], DataClass)  # parses them, once
    began = time.process_time()
    granted = decider.granted(who, TREATMENT, "update", "Observation", patients[1], DataClass)
    assert time.process_time() - began < 0.5  # some 20 ms of an idle machine
    assert DataClass.CLINICAL in granted


UNSEEN = {
    "turned around": "\u202e",
    "isolated": "\u2067",
    "of no width": "\u200b",
    "byte order mark": "\ufeff",
    "a line end that Cedar has not": "\u2028",
    "next line": "\x85",
    "control": "\x01",
    "delete": "\x7f",
    "private": "\ue000",
}


@pytest.mark.parametrize("character", UNSEEN.values(), ids=UNSEEN)
@pytest.mark.parametrize("place", ['// {} forbid (principal, action in Action::"fhir", resource);\n', '@note("{}")'])
def test_what_is_approved_is_what_is_seen(place: str, character: str) -> None:
    """A comment that looks like a policy, or a policy that looks like a comment, is approved by a second person."""
    with pytest.raises(InvalidInput, match="character that is not seen") as refused:
        check_tenant_policies(place.format(character) + policy("true"))
    assert character not in refused.value.detail


def test_other_scripts_are_welcome() -> None:
    assert check_tenant_policies("// Größe, имя, 名前\n\t" + policy("true") + "\r\n") == [("p-1", "permit")]


def test_thousands_of_policies_are_refused_before_they_are_parsed() -> None:
    began = time.process_time()
    with pytest.raises(InvalidInput, match="more than 100 policies"):
        check_tenant_policies(";" * MAX_BYTES)
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize("character", ['"', "\\", "\t", "é", "名"])
def test_the_answer_with_every_open_proposal_can_be_sent(character: str) -> None:
    """Else a single proposer hides all proposals for their seven days: an answer is JSON, and once more in Lambda's."""
    head = policy("true") + "//"
    text = head + character * ((MAX_BYTES - len(head)) // len(character.encode()))
    check_tenant_policies(text)
    answer = json.dumps({"text": text, "proposals": [{"text": text}] * MOST_OPEN})
    assert len(json.dumps({"body": answer})) < LAMBDA_ANSWER - (64 << 10)
