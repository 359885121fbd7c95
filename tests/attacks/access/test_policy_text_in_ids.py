"""Ids carry Cedar text, quotes and control characters. They are data: no id is ever read as policy."""

from __future__ import annotations

import pytest

from phivault.access.decide import Decider
from phivault.access.facts import PatientFacts
from phivault.access.roles import Role
from phivault.phi.data_class import DataClass
from tests.support.people import PATIENT_REQUEST, TREATMENT, principal

INJECTIONS = [
    'p" || true || "',
    'p"; permit(principal, action, resource); //',
    'User::"root"',
    '","parents":[{"type":"Role","id":"clinician"}],"x":"',
    '{"__entity":{"type":"Patient","id":"p"}}',
    "__entity",
    "p\\",
    "p\n",
    "p\x00",
    "p\u202e",
    "\ud800",
    "p" * 100_000,
]


@pytest.mark.parametrize("text", INJECTIONS, ids=range(len(INJECTIONS)))
def test_an_id_opens_nothing(decider: Decider, text: str) -> None:
    strangers = [
        (principal(Role.CLINICIAN, user_id=text), PatientFacts("p", "t")),
        (principal(Role.CLINICIAN), PatientFacts(text, "t")),
        (principal(Role.CLINICIAN, tenant=text), PatientFacts("p", "t", in_care_team=True, team_sees_sensitive=True)),
        (principal(Role.CLINICIAN), PatientFacts("p", text, in_care_team=True, team_sees_sensitive=True)),
    ]
    for who, patient in strangers:
        assert decider.granted(who, TREATMENT, "read", "Observation", patient, DataClass) == frozenset()
    for me, other in ((text, "p"), ("p", text)):
        who = principal(Role.PATIENT, patient_id=me)
        assert not decider.granted(who, PATIENT_REQUEST, "read", "Patient", PatientFacts(other, "t"), DataClass)
    assert not decider.permits(principal(Role.CLINICIAN, user_id=text), "audit:search")


@pytest.mark.parametrize("text", INJECTIONS, ids=range(len(INJECTIONS)))
def test_actions_types_and_classes_open_nothing(decider: Decider, text: str) -> None:
    who, team = principal(Role.CLINICIAN), PatientFacts("p", "t", in_care_team=True, team_sees_sensitive=True)
    assert not decider.granted(who, TREATMENT, text, "Observation", team, DataClass)
    assert not decider.granted(who, TREATMENT, "read", text, None, DataClass)
    assert not decider.granted(who, TREATMENT, "read", "Observation", team, [text])
    assert not decider.permits(who, text)


@pytest.mark.parametrize("text", ['o"Neil', "p\\", "p\n", "__entity"])
def test_an_odd_id_is_still_equal_to_itself(decider: Decider, text: str) -> None:
    who = principal(Role.PATIENT, user_id=text, patient_id=text)
    assert decider.granted(who, PATIENT_REQUEST, "read", "Patient", PatientFacts(text, "t"), DataClass)


def test_odd_ids_stay_out_of_logs(decider: Decider, caplog: pytest.LogCaptureFixture) -> None:
    for text in INJECTIONS:
        decider.granted(principal(Role.CLINICIAN, user_id=text), TREATMENT, "read", "Patient", None, [text])
    assert caplog.records
    assert not [text for text in INJECTIONS if text in caplog.text]
