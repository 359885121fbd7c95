"""The terms of provisions that are enforced: which codes stand for which purposes, data classes and people."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from phivault.access.purpose import PurposeOfUse
from phivault.access.roles import Role
from phivault.phi.data_class import DataClass

_HL7: Final = "http://terminology.hl7.org/CodeSystem/"
DATA_CLASS: Final = "urn:phivault:data-class"
USER: Final = "urn:phivault:user"
ROLE: Final = "urn:phivault:role"
RECIPIENT: Final = (_HL7 + "v3-ParticipationType", "IRCP")
CONFIDENTIALITY: Final = _HL7 + "v3-Confidentiality"
ACT_CODE: Final = _HL7 + "v3-ActCode"
ACT_REASON: Final = _HL7 + "v3-ActReason"
ACTIONS: Final = frozenset({(_HL7 + "consentaction", "access"), (_HL7 + "consentaction", "disclose")})
SCOPE: Final = _HL7 + "consentscope"
PRIVACY: Final = "patient-privacy"
RESEARCH: Final = "research"
OPT_OUT: Final = frozenset({(ACT_CODE, "OPTOUT"), (ACT_CODE, "OPTOUTE")})

ALL_CLASSES: Final = frozenset(DataClass)
ROLES: Final = frozenset(Role)
USER_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

PURPOSES: Mapping[tuple[str, str], PurposeOfUse] = MappingProxyType(
    {
        (ACT_REASON, "TREAT"): PurposeOfUse.TREATMENT,
        (ACT_REASON, "HPAYMT"): PurposeOfUse.PAYMENT,
        (ACT_REASON, "HOPERAT"): PurposeOfUse.OPERATIONS,
        (ACT_REASON, "HRESCH"): PurposeOfUse.RESEARCH,
        (ACT_REASON, "PATRQT"): PurposeOfUse.PATIENT_REQUEST,
        (ACT_REASON, "ETREAT"): PurposeOfUse.EMERGENCY,
    }
)
EVERYDAY: Final = frozenset(PurposeOfUse) - {PurposeOfUse.EMERGENCY}
"""What a rule that names no purpose covers."""

LABELS: Mapping[tuple[str, str], DataClass] = MappingProxyType(
    {(DATA_CLASS, each.value): each for each in DataClass}
    | {(CONFIDENTIALITY, code): DataClass.SENSITIVE for code in ("R", "V")}
)
_NARROW = """
    BH COGN DVD EMOTDIS ETH ETHUD GDIS HIV MH MST OPIOIDUD PREGNANT PSY PSYTHPN SCA SDV SEX SICKLE SPI STD SUD TBOO VIO
"""
NARROW: Final = frozenset((ACT_CODE, code) for code in _NARROW.split())
"""Sensitivities of one kind (InformationSensitivityPolicy). Each lies within the sensitive class, of which there is
one: to withhold the class withholds it, to permit the class would release the other kinds with it."""
