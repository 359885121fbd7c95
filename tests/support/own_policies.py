"""Random policies of a tenant: as Cedar, and as the Python function that says when they apply."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.support.rules import EVERY_CLASS, Ask, Rule

ACTIONS = ("create", "read", "update", "delete", "search")
ROLES = (
    "patient",
    "clinician",
    "care_coordinator",
    "researcher",
    "tenant_admin",
    "privacy_officer",
    "security_officer",
    "auditor",
)
PURPOSES = ("TREATMENT", "PAYMENT", "OPERATIONS", "RESEARCH", "PATIENT_REQUEST", "EMERGENCY")


@dataclass(frozen=True)
class Condition:
    """Cedar, and when it is true."""

    cedar: str
    holds: Rule


@dataclass(frozen=True)
class Policy:
    """About data of patients, or of nobody where ``directory``."""

    permits: bool
    directory: bool
    role: str | None = None
    actions: tuple[str, ...] = ()
    data_class: str | None = None
    when: Condition | None = None
    unless: Condition | None = None

    def cedar(self, id: str) -> str:
        kind = "TenantData" if self.directory else "PatientData"
        principal = f'principal in Role::"{self.role}"' if self.role else "principal"
        actions = ", ".join(f'Action::"{action}"' for action in self.actions) or 'Action::"fhir"'
        inside = f' in DataClass::"{self.data_class}"' if self.data_class else ""
        head = f'@id("{id}") {"permit" if self.permits else "forbid"}'
        when = f"\nwhen {{ {self.when.cedar} }}" if self.when else ""
        unless = f"\nunless {{ {self.unless.cedar} }}" if self.unless else ""
        return f"{head} ({principal}, action in [{actions}], resource is {kind}{inside}){when}{unless};"

    def applies(self, ask: Ask) -> bool:
        return (
            self.directory is not bool(ask.patient)
            and self.role in (None, ask.person.role)
            and (not self.actions or ask.action in self.actions)
            and self.data_class in (None, ask.data_class)
            and (self.when is None or self.when.holds(ask))
            and (self.unless is None or not self.unless.holds(ask))
        )


def rules_of(policies: Sequence[Policy]) -> list[tuple[bool, Rule]]:
    return [(policy.permits, policy.applies) for policy in policies]


def text_of(policies: Sequence[Policy]) -> str:
    return "\n".join(policy.cedar(f"own-{number}") for number, policy in enumerate(policies))


def policies(users: Sequence[str], patients: Sequence[str], types: Sequence[str]) -> SearchStrategy[list[Policy]]:
    """Up to three that may name these users, patients and types."""
    anywhere = [_purpose_of(*PURPOSES), st.sampled_from(types).map(_type), st.sampled_from(users).map(_user)]
    of_patients = [*anywhere, st.sampled_from(patients).map(_patient), st.sampled_from(_FACTS)]
    one = st.booleans().flatmap(lambda directory: _policy(directory, anywhere if directory else of_patients))
    return st.lists(one, max_size=3)


def _policy(directory: bool, atoms: Sequence[SearchStrategy[Condition]]) -> SearchStrategy[Policy]:
    condition = st.none() | st.recursive(st.one_of(*atoms), _combined, max_leaves=4)
    return st.builds(
        Policy,
        permits=st.sampled_from([True, True, False]),
        role=st.none() | st.sampled_from(ROLES),
        actions=st.lists(st.sampled_from(ACTIONS), max_size=3, unique=True).map(tuple),
        data_class=st.none() | st.sampled_from(sorted(EVERY_CLASS)),
        directory=st.just(directory),
        when=condition,
        unless=condition,
    )


def _combined(inner: SearchStrategy[Condition]) -> SearchStrategy[Condition]:
    return inner.map(_not) | st.builds(_both, inner, inner) | st.builds(_either, inner, inner)


def _not(inner: Condition) -> Condition:
    return Condition(f"!({inner.cedar})", lambda ask: not inner.holds(ask))


def _both(left: Condition, right: Condition) -> Condition:
    return Condition(f"({left.cedar}) && ({right.cedar})", lambda ask: left.holds(ask) and right.holds(ask))


def _either(left: Condition, right: Condition) -> Condition:
    return Condition(f"({left.cedar}) || ({right.cedar})", lambda ask: left.holds(ask) or right.holds(ask))


def _purpose_of(*purposes: str) -> SearchStrategy[Condition]:
    return st.lists(st.sampled_from(purposes), min_size=1, unique=True).map(_purposes)


def _purposes(named: list[str]) -> Condition:
    listed = ", ".join(f'Purpose::"{name}"' for name in named)
    return Condition(f"[{listed}].contains(context.purpose)", lambda ask: ask.purpose in named)


def _type(name: str) -> Condition:
    return Condition(f'resource.type == "{name}"', lambda ask: ask.type == name)


def _user(id: str) -> Condition:
    return Condition(f'principal == User::"{id}"', lambda ask: ask.person.user_id == id)


def _patient(id: str) -> Condition:
    return Condition(f'resource.patient == Patient::"{id}"', lambda ask: ask.patient == id)


def _fact(cedar: str, holds: Callable[[Ask], bool]) -> Condition:
    return Condition(cedar, holds)


_FACTS = [
    _fact("principal in resource.patient.careTeam", lambda ask: ask.standing.care),
    _fact("principal has self && principal.self == resource.patient", lambda ask: ask.own),
    _fact("resource.patient.standing.granted.contains(resource.class)", lambda ask: ask.granted),
    _fact("resource.patient.standing.delegated.contains(resource.class)", lambda ask: ask.delegated),
    _fact("resource.patient.standing.emergency", lambda ask: ask.emergency),
    _fact("resource.patient.consent.permits.contains(resource.class)", lambda ask: ask.released),
    _fact("resource.patient.consent.denies.contains(resource.class)", lambda ask: ask.denied),
    _fact("resource.patient.restricted", lambda ask: ask.restricted),
    _fact("context.project", lambda ask: ask.project),
]
