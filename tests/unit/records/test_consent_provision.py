"""Which provisions are enforced, and how every other is refused by the name of its element."""

from __future__ import annotations

import re
from typing import Any

import pytest

from phivault.access.consent import Provision
from phivault.errors import Unprocessable
from phivault.phi.data_class import DataClass
from phivault.records.consent_provision import MAX_TERMS, provision_of
from tests.support.consents import HL7, labels, purposes, role, user

DR = "0b0f8f1e-1111-4111-8111-0123456789ab"
OTHER = DR.replace("0", "f")
CLASSES = frozenset(each.value for each in DataClass)
EVERYDAY = frozenset({"TREATMENT", "PAYMENT", "OPERATIONS", "RESEARCH", "PATIENT_REQUEST"})


def deny(**changes: Any) -> dict[str, Any]:
    return {"type": "deny"} | changes


def permit(**changes: Any) -> dict[str, Any]:
    return {"type": "permit"} | changes


def refusal(value: dict[str, Any]) -> str:
    with pytest.raises(Unprocessable) as caught:
        provision_of(value)
    return caught.value.detail


def test_what_is_left_open_is_filled_in() -> None:
    assert provision_of(deny()) == Provision(permit=False, classes=CLASSES, purposes=EVERYDAY)
    assert provision_of(permit()) == Provision(permit=True, classes=CLASSES - {"sensitive"}, purposes=EVERYDAY)


def test_an_exception_takes_over_what_it_leaves_open() -> None:
    rule = provision_of(
        deny(
            securityLabel=labels("contact", "sensitive"),
            purpose=purposes("TREAT", "ETREAT"),
            actor=[user(DR), role("researcher")],
            period={"start": "2026-01-01", "end": "2026-01-31"},
            provision=[permit(period={"start": "2026-01-02", "end": "2027"})],
        )
    )
    (inner,) = rule.exceptions
    assert inner.classes == {"contact", "deidentified"}  # a permit covers the sensitive class where it says so
    assert inner.purposes == rule.purposes == {"TREATMENT", "EMERGENCY"}
    assert (inner.users, inner.roles) == (rule.users, rule.roles) == ({DR}, {"researcher"})
    assert inner.until == rule.until
    assert inner.starts == rule.starts + 86_400


def test_every_purpose_has_its_code() -> None:
    codes = ("TREAT", "HPAYMT", "HOPERAT", "HRESCH", "PATRQT", "ETREAT")
    assert provision_of(deny(purpose=purposes(*codes))).purposes == EVERYDAY | {"EMERGENCY"}
    assert provision_of(permit(purpose=purposes("ETREAT"))).purposes == {"EMERGENCY"}


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_every_class_has_its_label(name: str) -> None:
    assert provision_of(permit(securityLabel=labels(name))).classes == {name}


def test_confidentiality_stands_for_the_sensitive_class() -> None:
    for code in "RV":
        assert provision_of(permit(securityLabel=labels(code))).classes == {"sensitive"}
    assert "code" in refusal(deny(securityLabel=labels("N")))


def test_one_kind_of_sensitive_data_can_be_withheld_with_its_class_and_not_permitted_alone() -> None:
    for code in ("HIV", "ETH", "PSY", "SEX", "SUD"):
        assert "sensitive" in provision_of(deny(securityLabel=labels(code))).classes
        assert "as a whole" in refusal(permit(securityLabel=labels(code)))


@pytest.mark.parametrize("name", ["contact", "identifying", "clinical", "sensitive"])
def test_who_withholds_data_withholds_what_is_made_of_it(name: str) -> None:
    assert provision_of(deny(securityLabel=labels(name))).classes == {name, "deidentified"}
    assert provision_of(deny(securityLabel=labels("administrative"))).classes == {"administrative"}
    inner = deny(securityLabel=labels(name))
    outer = provision_of(permit(securityLabel=labels(name, "administrative"), provision=[inner]))
    assert outer.exceptions[0].classes == {name}


def test_access_and_disclosure_are_what_is_enforced() -> None:
    def action(code: str) -> list[dict[str, Any]]:
        return [{"coding": [{"system": HL7 + "consentaction", "code": code}]}]

    assert provision_of(deny(action=action("access") + action("disclose"))) == provision_of(deny())
    for code in ("collect", "use", "correct", "made-up"):
        assert refusal(deny(action=action(code))).startswith("Consent.provision.action[0].coding ")
    assert "action[0].coding" in refusal(deny(action=[{"text": "access"}]))


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ({}, "provision.type"),
        (deny(**{"class": [{"code": "Observation"}]}), "provision.class"),
        (deny(code=[{"text": "x"}]), "provision.code"),
        (deny(dataPeriod={"start": "2026"}), "provision.dataPeriod"),
        (deny(data=[{"meaning": "instance", "reference": {"reference": "Observation/1"}}]), "provision.data"),
        (deny(extension=[{"url": "urn:x"}]), "provision.extension"),
        (deny(modifierExtension=[{"url": "urn:x"}]), "provision.modifierExtension"),
        (deny(_type={"extension": [{"url": "urn:x"}]}), "provision._type"),
        (deny(id="a"), "provision.id"),
        (deny(provision=[permit(data=[{}])]), "provision.provision[0].data"),
        (deny(provision=[{"securityLabel": labels("contact")}]), "provision.provision[0].type"),
        (deny(provision=[deny()]), "provision.provision[0].type"),
        (permit(provision=[permit()]), "provision.provision[0].type"),
        (deny(purpose=purposes("HMARKT")), "provision.purpose[0].code"),
        (deny(purpose=[{"code": "TREAT"}]), "provision.purpose[0].code"),
        (deny(securityLabel=[{"system": "urn:phivault:data-class", "code": "phi"}]), "provision.securityLabel[0].code"),
        (deny(securityLabel=[{"system": "urn:other", "code": "clinical"}]), "provision.securityLabel[0].code"),
        (deny(securityLabel=[*labels("clinical"), {}]), "provision.securityLabel[1].code"),
        (deny(period={"start": "2026-02-02", "end": "2026-02-01"}), "provision.period"),
        (deny(period={"start": "2026-02-30"}), "provision.period"),
        (deny(period={"start": "2026", "_end": {"extension": []}}), "provision.period._end"),
        (deny(actor=[{"reference": user(DR)["reference"]}]), "provision.actor[0].role"),
        (deny(actor=[user(DR) | {"role": {"text": "recipient"}}]), "provision.actor[0].role.coding"),
        (deny(actor=[{"role": user(DR)["role"]}]), "provision.actor[0].reference"),
        (deny(actor=[user(DR) | {"extension": []}]), "provision.actor[0].extension"),
        (
            deny(actor=[user(DR) | {"reference": {"reference": "Practitioner/1"}}]),
            "provision.actor[0].reference.reference",
        ),
        (deny(actor=[user(DR) | {"reference": {"display": "Dr X"}}]), "provision.actor[0].reference.identifier"),
        (deny(actor=[user("dr@hospital.example")]), "provision.actor[0].reference.identifier.value"),
        (deny(actor=[user(DR.upper())]), "provision.actor[0].reference.identifier.value"),
        (deny(actor=[role("physician")]), "provision.actor[0].reference.identifier.value"),
        (deny(actor=[role("clinician"), role(DR)]), "provision.actor[1].reference.identifier.value"),
    ],
)
def test_what_cannot_be_enforced_is_refused_by_its_place(value: dict[str, Any], place: str) -> None:
    detail = refusal(value)
    assert detail.startswith(f"Consent.{place} ")
    for secret in ("dr@hospital", "HMARKT", "physician", "Dr X", "urn:other"):
        assert secret not in detail


@pytest.mark.parametrize(
    ("value", "element"),
    [
        (deny(securityLabel=labels("contact"), provision=[permit(securityLabel=labels("clinical"))]), "securityLabel"),
        (permit(provision=[deny(securityLabel=labels("HIV"))]), "securityLabel"),
        (deny(securityLabel=labels("sensitive"), provision=[permit(securityLabel=labels("contact"))]), "securityLabel"),
        (deny(purpose=purposes("HRESCH"), provision=[permit(purpose=purposes("TREAT"))]), "purpose"),
        (permit(provision=[deny(purpose=purposes("ETREAT"))]), "purpose"),
        (deny(actor=[role("researcher")], provision=[permit(actor=[role("clinician")])]), "actor"),
        (deny(actor=[user(DR)], provision=[permit(actor=[user(OTHER)])]), "actor"),
        (deny(period={"end": "2026"}, provision=[permit(period={"start": "2027"})]), "period"),
    ],
)
def test_an_exception_that_could_never_hold_is_refused(value: dict[str, Any], element: str) -> None:
    assert refusal(value).startswith(f"Consent.provision.provision[0].{element} ")


def test_an_exception_from_the_sensitive_class_has_to_name_it() -> None:
    for outer in (labels("sensitive"), labels("HIV")):
        assert "covers nothing" in refusal(deny(securityLabel=outer, provision=[permit(actor=[user(DR)])]))
        named = permit(actor=[user(DR)], securityLabel=labels("sensitive"))
        assert provision_of(deny(securityLabel=outer, provision=[named])).exceptions[0].classes == {"sensitive"}


def test_an_exception_for_somebody_whom_the_rule_may_cover_is_taken() -> None:
    for value in (
        deny(actor=[role("clinician")], provision=[permit(actor=[user(DR)])]),
        deny(actor=[user(DR)], provision=[permit(actor=[role("clinician")])]),
        deny(provision=[permit(actor=[user(DR)])]),
    ):
        assert len(provision_of(value).exceptions) == 1


def test_depth_and_number_are_bounded() -> None:
    def deep(levels: int) -> dict[str, Any]:
        value: dict[str, Any] = {"type": ("deny", "permit")[(levels - 1) % 2], "securityLabel": labels("contact")}
        for level in range(levels - 2, -1, -1):
            value = {"type": ("deny", "permit")[level % 2], "securityLabel": labels("contact"), "provision": [value]}
        return value

    assert provision_of(deep(4))
    assert re.match(r"Consent\.provision(\.provision\[0\]){4} ", refusal(deep(5)))
    assert provision_of(deny(provision=[permit()] * 50))
    assert refusal(deny(provision=[permit()] * 51)).startswith("Consent.provision.provision[50] ")
    assert refusal(deny(provision=[permit(provision=[deny()])] * 26)).startswith("Consent.provision.provision[25]")


def test_lists_are_bounded() -> None:
    for element, item in (
        ("actor", role("clinician")),
        ("purpose", purposes("TREAT")[0]),
        ("securityLabel", labels("R")[0]),
    ):
        assert provision_of(deny(**{element: [item] * MAX_TERMS}))
        assert refusal(deny(**{element: [item] * (MAX_TERMS + 1)})).startswith(f"Consent.provision.{element} ")
