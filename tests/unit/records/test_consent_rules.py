"""What a Consent may say, by whom it may be written, and that it is refused before anything is kept."""

from __future__ import annotations

import json
from typing import Any

import pytest

from phivault.access.roles import Role
from phivault.errors import AccessDenied, InvalidInput, PhivaultError, Unprocessable
from phivault.records import consent_rules
from phivault.records.call import Call
from phivault.records.create import create
from phivault.records.transaction import transaction
from phivault.records.update import update
from tests.support.consents import HL7, consent, labels, purposes, role, user
from tests.support.records_fakes import BASE_URL, World, a_patient, an_observation

DR = "0b0f8f1e-1111-4111-8111-0123456789ab"
OFFICER = "0b0f8f1e-2222-4111-8111-0123456789ab"


@pytest.fixture
def self(world: World, patient: str) -> Call:
    return world.call(Role.PATIENT, patient_id=patient)


@pytest.fixture
def officer(world: World) -> Call:
    return world.call(Role.PRIVACY_OFFICER, user_id=OFFICER)


def write(world: World, call: Call, resource: dict[str, Any]) -> str:
    return world.make("Consent", resource, call).id


def refused(world: World, call: Call, resource: dict[str, Any], error: type[PhivaultError] = Unprocessable) -> str:
    before = dict(world.store.versions)
    with pytest.raises(error) as caught:
        write(world, call, resource)
    assert world.store.versions == before
    assert not world.events[-1].success
    return caught.value.detail


def test_patients_and_privacy_officers_write_consents(world: World, patient: str, self: Call, officer: Call) -> None:
    for call in (self, officer):
        id = write(world, call, consent(patient, type="deny", actor=[user(DR)]))
        body = json.dumps(consent(patient, status="inactive") | {"id": id}).encode()
        assert update(world.records, call, "Consent", id, body).version == 2


@pytest.mark.parametrize("who", [Role.CLINICIAN, Role.CARE_COORDINATOR, Role.RESEARCHER, Role.TENANT_ADMIN])
def test_nobody_else_does(world: World, patient: str, who: Role) -> None:
    refused(world, world.call(who), consent(patient, type="deny"), AccessDenied)


def test_not_for_another_patient(world: World, self: Call) -> None:
    other = world.make("Patient", a_patient()).id
    refused(world, self, consent(other, type="permit", actor=[user(DR)]), AccessDenied)


def test_not_for_a_patient_who_is_not_there(world: World, officer: Call) -> None:
    refused(world, officer, consent("0199b3c2-0000-7000-8000-000000000009", type="deny"))


def test_an_active_consent_says_something(world: World, patient: str, self: Call) -> None:
    assert "Consent.provision" in refused(world, self, consent(patient))
    for status in ("draft", "proposed", "rejected", "inactive", "entered-in-error"):
        assert write(world, self, consent(patient, status=status))


def test_a_provision_is_checked_before_it_is_active(world: World, patient: str, self: Call) -> None:
    for status in ("active", "draft", "inactive"):
        resource = consent(patient, status=status, type="deny", code=[{"text": "Dr Quux's notes"}])
        detail = refused(world, self, resource)
        assert "Consent.provision.code" in detail
        assert "Quux" not in detail


def test_what_is_no_fhir_is_refused_as_such(world: World, patient: str, self: Call) -> None:
    refused(world, self, consent(patient, type="allow"), InvalidInput)
    refused(world, self, consent(patient, type="deny", recipient=[]), InvalidInput)
    refused(world, self, consent(patient, type="deny") | {"patient": {"display": "me"}})


def test_the_frame_must_not_change_what_it_means(world: World, patient: str, self: Call) -> None:
    deny, permit = consent(patient, type="deny"), consent(patient, type="permit", actor=[user(DR)])
    opt_out = {"policyRule": {"coding": [{"system": HL7 + "v3-ActCode", "code": "OPTOUT"}]}}
    assert "policyRule" in refused(world, self, permit | opt_out)
    assert write(world, self, deny | opt_out)
    assert "implicitRules" in refused(world, self, deny | {"implicitRules": "http://rules.example"})
    assert "modifierExtension" in refused(
        world, self, deny | {"modifierExtension": [{"url": "http://not.example", "valueBoolean": True}]}
    )
    for scope in ("adr", "treatment"):
        assert "scope" in refused(world, self, consent(patient, scope=scope, type="deny"))
        assert write(world, self, consent(patient, scope=scope, status="proposed", type="deny"))
    both = deny["scope"]["coding"] + consent(patient, scope="research")["scope"]["coding"]
    assert "scope" in refused(world, self, deny | {"scope": {"coding": both}})
    assert "scope" in refused(world, self, deny | {"scope": {"text": "privacy"}})


def test_a_consent_about_research_is_about_its_purpose(world: World, patient: str, self: Call) -> None:
    for named in ({}, {"purpose": purposes("TREAT")}, {"purpose": purposes("HRESCH", "TREAT")}):
        assert "purpose" in refused(world, self, consent(patient, scope="research", type="deny", **named))
    assert write(world, self, consent(patient, scope="research", type="deny", purpose=purposes("HRESCH")))


def test_an_officer_gives_themself_nothing(world: World, patient: str, self: Call, officer: Call) -> None:
    sensitive = {"securityLabel": labels("sensitive")}
    for provision in (
        {"type": "permit", "actor": [user(OFFICER)]},
        {"type": "permit", "actor": [user(DR), user(OFFICER)]},
        {"type": "permit", "actor": [role("privacy_officer")]},
        {"type": "deny", "provision": [{"type": "permit", "actor": [user(OFFICER)]}]},
        {"type": "permit", **sensitive},
        {"type": "deny", "provision": [{"type": "permit", **sensitive}]},
    ):
        assert "actor" in refused(world, officer, consent(patient, **provision))
        assert write(world, self, consent(patient, **provision))
        assert write(world, officer, consent(patient, status="inactive", **provision))
    for provision in (
        {"type": "permit", "actor": [user(DR)], **sensitive},
        {"type": "permit", "actor": [role("clinician")], **sensitive},
        {"type": "permit"},
        {"type": "deny", "actor": [user(OFFICER), role("privacy_officer")]},
    ):
        assert write(world, officer, consent(patient, **provision))


def test_an_officer_does_not_bring_back_a_permit_for_themself(
    world: World, patient: str, self: Call, officer: Call
) -> None:
    resource = consent(patient, status="inactive", type="permit", actor=[user(OFFICER)])
    id = write(world, self, resource)
    with pytest.raises(Unprocessable):
        update(world.records, officer, "Consent", id, json.dumps(resource | {"id": id, "status": "active"}).encode())


def test_a_consent_stays_with_its_patient(world: World, patient: str, officer: Call) -> None:
    other = world.make("Patient", a_patient()).id
    id = write(world, officer, consent(patient, type="deny"))
    with pytest.raises(Unprocessable):
        update(world.records, officer, "Consent", id, json.dumps(consent(other, type="deny") | {"id": id}).encode())


def test_a_consent_inside_another_resource_is_refused(world: World, patient: str) -> None:
    inside = consent(patient, type="deny") | {"id": "c"}
    with pytest.raises(InvalidInput):
        world.make("Observation", an_observation(patient, contained=[inside]))


def test_size_is_bounded(world: World, patient: str, self: Call) -> None:
    scan = {"sourceAttachment": {"contentType": "application/pdf", "data": "QUJD" * 8192}}
    assert "DocumentReference" in refused(world, self, consent(patient, type="deny") | scan)
    assert write(world, self, consent(patient, type="deny") | {"sourceAttachment": {"data": "QUJD"}})


def test_number_is_bounded(world: World, patient: str, self: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consent_rules, "MAX_ACTIVE", 3)
    monkeypatch.setattr(consent_rules, "MAX_STANDING", 5)
    ids = [write(world, self, consent(patient, type="deny")) for _ in range(3)]
    assert "active" in refused(world, self, consent(patient, type="deny"))
    body = json.dumps(consent(patient, status="inactive") | {"id": ids[0]}).encode()
    update(world.records, self, "Consent", ids[0], body)
    write(world, self, consent(patient, type="deny"))
    body = json.dumps(consent(patient, type="deny") | {"id": ids[0]}).encode()
    with pytest.raises(Unprocessable):
        update(world.records, self, "Consent", ids[0], body)
    write(world, self, consent(patient, status="draft"))
    assert "delete" in refused(world, self, consent(patient, status="draft"))
    # Of what is there already, a further version is always welcome.
    body = json.dumps(consent(patient, type="deny") | {"id": ids[1]}).encode()
    assert update(world.records, self, "Consent", ids[1], body).version == 2


def test_one_transaction_does_not_pass_the_bound(
    world: World, patient: str, self: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consent_rules, "MAX_ACTIVE", 3)
    entry = {"request": {"method": "POST", "url": "Consent"}, "resource": consent(patient, type="deny")}
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry] * 4}
    with pytest.raises(Unprocessable, match=r"Bundle\.entry\[3\]"):
        transaction(world.records, self, json.dumps(bundle).encode(), base_url=BASE_URL)
    bundle["entry"] = [entry] * 3
    assert transaction(world.records, self, json.dumps(bundle).encode(), base_url=BASE_URL).count == 3


def test_an_idempotent_repeat_is_no_second_consent(world: World, patient: str, self: Call) -> None:
    body = json.dumps(consent(patient, type="deny")).encode()
    first, again = (create(world.records, self, "Consent", body, idempotency_key="k") for _ in range(2))
    assert first == again
