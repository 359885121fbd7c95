"""Explain how a request would be decided: of a user as they stand now, or of a role without any relation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Any, Final, Self

from pydantic import Field, model_validator

from phivault.access import explain as why
from phivault.access.facts import PatientFacts
from phivault.access.policy_files import application_actions
from phivault.access.principal import Principal
from phivault.access.purpose import Purpose, PurposeOfUse
from phivault.access.question import ApplicationQuestion, DataQuestion
from phivault.access.roles import Role
from phivault.audit.event import Action
from phivault.inputs import Body, rule
from phivault.permissions.call import Call
from phivault.permissions.inputs import OpaqueId
from phivault.phi.catalogue import types
from phivault.phi.data_class import DataClass

DATA_ACTIONS: Final = ("create", "read", "update", "delete", "search")
OF_PATIENTS: Final = "audit:search"
"""What it takes beside ``admin:explain`` to ask about a patient by id."""
DIRECTORY: Final = frozenset({"Organization", "Location", "Practitioner", "PractitionerRole"})
"""Types that are about no patient."""


class Hypothetical(Body):
    """Somebody of this role who stands in no relation to any patient."""

    role: Role


class Explain(Body):
    """``action`` is one on data (create, read, update, delete, search) or of the application (``audit:search``). One on
    data names ``resource_type`` and ``purpose``, without ``patient`` about a patient to whom there is no relation; one
    of the application neither. ``classes`` are all where none are named."""

    user_id: OpaqueId | None = None
    hypothetical: Hypothetical | None = None
    action: Annotated[str, Field(min_length=1, max_length=64)]
    purpose: PurposeOfUse | None = None
    resource_type: Annotated[str, Field(max_length=64)] | None = None
    patient: OpaqueId | None = None
    project: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,64}$")] | None = None
    classes: Annotated[list[DataClass], Field(min_length=1, max_length=len(DataClass))] | None = None

    @property
    def is_about_data(self) -> bool:
        return self.action in DATA_ACTIONS

    @model_validator(mode="after")
    def _of_one_person(self) -> Self:
        if (self.user_id is None) == (self.hypothetical is None):
            raise rule("takes exactly one of user_id and hypothetical")
        return self

    @model_validator(mode="after")
    def _about_one_thing(self) -> Self:
        of_data = (self.purpose, self.resource_type)
        if self.is_about_data:
            if None in of_data:
                raise rule("takes purpose and resource_type with an action on data")
            if self.resource_type not in types():
                raise rule("names a resource_type that is not served")
            if self.resource_type in DIRECTORY and self.patient is not None:
                raise rule("takes no patient with this resource_type, which is about nobody")
        elif self.action not in application_actions():
            raise rule("names an action that nothing decides")
        elif any(each is not None for each in (*of_data, self.patient, self.project, self.classes)):
            raise rule("takes purpose, resource_type, patient, project and classes with an action on data alone")
        return self


@dataclass(frozen=True, slots=True)
class Explanation:
    """``held`` are the facts that the decision rests on, those that are so, by their stable names."""

    who: Principal
    held: tuple[str, ...]
    decisions: tuple[why.Explained, ...]

    def shown(self) -> dict[str, Any]:
        return {"role": self.who.role.value, "facts": list(self.held)} | why.shown(self.decisions)


def explain(call: Call, asked: Explain) -> Explanation:
    """A second factor is taken as passed, and a sign-in as older than five minutes. Facts, consents and the tenant's
    policies are loaded as a request of that person would load them.

    Raises AccessDenied, NotFound or Unavailable, each recorded.
    """
    about: dict[str, Any] = {"resource": "Policies", "patient": asked.patient or "", "flags": (f"for:{_name(asked)}",)}
    with call.failure_recorded(Action.POLICY_EXPLAIN, **about):
        call.require("admin:explain")
        if asked.patient is not None:
            # Who treats this patient, whom they deny, that their record rests: what those may know who read the log.
            call.require(OF_PATIENTS)
        who = _principal(call, asked)
        if asked.patient is not None:
            call.patient(asked.patient)
        call.record(Action.POLICY_EXPLAIN, **about)
        if not asked.is_about_data:
            action = ApplicationQuestion(why.asker_of(who), asked.action, recent=False)
            return Explanation(who, (), tuple(why.explain(call.permissions.decider, action)))
        under = partial(_question, call, asked, who)
        question = under(str(asked.purpose))
        return Explanation(who, why.held(question), tuple(why.explain(call.permissions.decider, question, under)))


def _principal(call: Call, asked: Explain) -> Principal:
    new = call.permissions.new_id()
    who = Principal(new, call.tenant, Role.PATIENT, "", 0, "", mfa=True, policies=call.principal.policies)
    if asked.hypothetical is not None:
        return replace(who, role=asked.hypothetical.role)
    user = call.user(asked.user_id or "")
    return replace(who, user_id=user.user_id, role=user.role, patient_id=user.patient_id)


def _question(call: Call, asked: Explain, who: Principal, of_use: str) -> DataQuestion:
    purpose = Purpose(PurposeOfUse(of_use), asserted=True)
    return DataQuestion(
        why.asker_of(who),
        of_use,
        asked.action,
        asked.resource_type or "",
        _facts(call, asked, who, purpose),
        tuple(str(name) for name in dict.fromkeys(asked.classes or DataClass)),
        _is_approved(call, asked, who, purpose),
        who.policies,
    )


def _facts(call: Call, asked: Explain, who: Principal, purpose: Purpose) -> PatientFacts | None:
    if asked.resource_type in DIRECTORY:
        return None
    if asked.patient is None:
        return PatientFacts(call.permissions.new_id(), call.tenant)
    facts = call.permissions.facts.load(who, purpose, [asked.patient])[asked.patient]
    consents = call.permissions.consents.load(who, purpose, [asked.patient])
    return replace(facts, consent=consents.get(asked.patient, facts.consent))


def _is_approved(call: Call, asked: Explain, who: Principal, purpose: Purpose) -> bool:
    if asked.project is None or purpose.of_use is not PurposeOfUse.RESEARCH:
        return False
    return call.permissions.facts.approved(who, asked.project)


def _name(asked: Explain) -> str:
    """For whom, as a flag of the event: those have no underscore."""
    return asked.user_id or (asked.hypothetical.role.value.replace("_", "-") if asked.hypothetical else "")
