"""A decision about somebody supposed: the product's own policies, on this machine, without a stack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from phivault.access.decide import Decider
from phivault.access.explain import Explained, explain, held, shown
from phivault.access.facts import ConsentFacts, PatientFacts
from phivault.access.policy_files import application_actions
from phivault.access.purpose import PurposeOfUse
from phivault.access.question import ApplicationQuestion, Asker, DataQuestion
from phivault.access.roles import Role
from phivault.access.validate import MAX_BYTES, check_tenant_policies
from phivault.errors import InvalidInput
from phivault.phi.catalogue import types
from phivault.phi.data_class import DataClass

_ACTIONS: Final = ("create", "read", "update", "delete", "search")
_DIRECTORY: Final = frozenset({"Organization", "Location", "Practitioner", "PractitionerRole"})
_TENANT, _USER, _PATIENT = "tenant", "user", "patient"


@dataclass(frozen=True, slots=True)
class Supposed:
    """Who asks for what. ``policies`` is a file with a tenant's own."""

    role: Role
    action: str
    purpose: PurposeOfUse | None
    type: str
    own: bool
    approved: bool
    recent: bool
    mfa: bool
    policies: Path | None


def supposed(about: Supposed, facts: Mapping[str, Any], classes: Sequence[DataClass]) -> dict[str, Any]:
    """As the API answers. ``facts`` are fields of PatientFacts, and ``permits``, ``denies`` and ``opened`` of consents.
    Raises InvalidInput."""
    asker = Asker(_USER, _TENANT, about.role.value, _PATIENT if about.own else "", about.mfa)
    if about.action in application_actions():
        found = explain(Decider(), ApplicationQuestion(asker, about.action, about.recent))
        return _answer(about, (), found)
    if about.action not in _ACTIONS or about.purpose is None or about.type not in types():
        raise InvalidInput("Name an action, and for one on data a --purpose and a --type that is served")
    question = DataQuestion(
        asker,
        about.purpose.value,
        about.action,
        about.type,
        None if about.type in _DIRECTORY else _patient(facts),
        tuple(each.value for each in classes),
        about.approved,
        policies=1 if about.policies else 0,
    )
    decider = Decider(tenants=_File(about.policies) if about.policies else None)
    return _answer(about, held(question), explain(decider, question))


def read_policies(file: Path) -> str:
    """The text of a tenant's policies. Raises InvalidInput."""
    try:
        with file.open(encoding="utf-8") as opened:
            return opened.read(MAX_BYTES + 1)
    except (OSError, UnicodeDecodeError):
        raise InvalidInput(f"{file} can't be read as text") from None


class _File:
    """TenantPolicies of the one version that a file holds. Raises InvalidInput for what a tenant can't have."""

    def __init__(self, file: Path) -> None:
        self._text = read_policies(file)
        check_tenant_policies(self._text)

    def text(self, *_: object) -> str:
        return self._text


def _patient(facts: Mapping[str, Any]) -> PatientFacts:
    known = dict(facts)
    consent = ConsentFacts(known.pop("permits"), known.pop("denies"), known.pop("opened"))
    return PatientFacts(_PATIENT, _TENANT, consent=consent, **known)


def _answer(about: Supposed, facts: Sequence[str], found: Sequence[Explained]) -> dict[str, Any]:
    return {"role": about.role.value, "facts": list(facts)} | shown(found)
