"""A world of records whose facts stand as people tell them, to be asked and judged by tests.support.rules."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from hypothesis import strategies as st

from phivault.access.consent import facts_of as said
from phivault.access.decide import Decider
from phivault.access.facts import PatientFacts
from phivault.access.principal import Principal
from phivault.access.purpose import Purpose, PurposeOfUse
from phivault.access.roles import Role
from phivault.adapters.fact_rows import facts_of
from phivault.errors import AccessDenied, NotFound
from phivault.phi.catalogue import classify
from phivault.records.call import Call
from phivault.records.consent_provision import provision_of
from phivault.records.read import read
from phivault.records.search import search
from tests.support.consents import consent, labels, purposes, role, user
from tests.support.facts import MemoryFacts
from tests.support.own_policies import PURPOSES, ROLES
from tests.support.people import PATIENT_REQUEST, TREATMENT
from tests.support.records_fakes import BASE_URL, PROJECT, REQUEST_ID, World, a_patient, an_observation
from tests.support.rules import EVERY_CLASS, Ask, Given, Grant, Person, Standing

NORTH = "north"
USERS = tuple(str(uuid.UUID(int=0xA000 + number)) for number in range(3))
TYPES = ("Patient", "Observation", "Consent", "Organization")
REASONS = dict(zip(PURPOSES, ("TREAT", "HPAYMT", "HOPERAT", "HRESCH", "PATRQT", "ETREAT"), strict=True))
FAR = 1e11

_classes = st.frozensets(st.sampled_from(sorted(EVERY_CLASS)), max_size=3)
_some_purposes = st.frozensets(st.sampled_from(PURPOSES), max_size=2)
grants = st.builds(
    Grant,
    delegate=st.booleans(),
    classes=_classes,
    purposes=_some_purposes,
    starts=st.sampled_from([0.0, 0.0, FAR]),
    until=st.sampled_from([FAR, FAR, 1.0]),
)
givens = st.builds(
    Given,
    permit=st.booleans(),
    classes=_classes,
    purposes=_some_purposes,
    users=st.frozensets(st.sampled_from(USERS), max_size=2),
    roles=st.frozensets(st.sampled_from(ROLES), max_size=2),
    active=st.sampled_from([True, True, False]),
)
standings = st.builds(
    Standing,
    care=st.booleans(),
    sensitive=st.booleans(),
    grants=st.lists(grants, max_size=2).map(tuple),
    glass_until=st.sampled_from([None, 1.0, FAR]),
    restriction=st.sampled_from([None, None, frozenset[str](), frozenset({"OPERATIONS", "PAYMENT"})]),
    consents=st.lists(givens, max_size=2).map(tuple),
)


def consent_of(given: Given, patient: str) -> dict[str, Any]:
    """The FHIR Consent that says it."""
    parts = {
        "securityLabel": labels(*sorted(given.classes)),
        "purpose": purposes(*sorted(REASONS[name] for name in given.purposes)),
        "actor": [*map(user, sorted(given.users)), *map(role, sorted(given.roles))],
    }
    stated: dict[str, Any] = {"type": "permit" if given.permit else "deny"}
    status = "active" if given.active else "inactive"
    return consent(patient, status=status, **stated | {name: value for name, value in parts.items() if value})


def row_of(standing: Standing) -> dict[str, Any]:
    """What one user is to one patient, as fact_rows has it."""
    row: dict[str, Any] = {
        f"grant#{number}": {
            "kind": "delegate" if grant.delegate else "access",
            "classes": sorted(grant.classes),
            "purposes": sorted(grant.purposes),
            "starts": grant.starts,
            "until": grant.until,
        }
        for number, grant in enumerate(standing.grants)
    }
    if standing.care:
        row["care"] = {"sensitive": standing.sensitive}
    if standing.glass_until is not None:
        row["break_glass"] = {"id": "0", "until": standing.glass_until}
    return row


def everyones(standing: Standing) -> dict[str, Any]:
    if standing.restriction is None:
        return {}
    return {"restriction": {"purposes": sorted(standing.restriction)}}


def facts_about(ask: Ask, who: Principal) -> PatientFacts | None:
    """What the product makes of the ask's facts."""
    if not ask.patient:
        return None
    of_use = Purpose(PurposeOfUse(ask.purpose), asserted=True)
    stated = [consent_of(given, ask.patient) for given in ask.standing.consents]
    provisions = [provision_of(each["provision"]) for each in stated if each["status"] == "active"]
    row, everyone = row_of(ask.standing), everyones(ask.standing)
    facts = facts_of(ask.tenant, ask.patient, ask.purpose, row, everyone, ask.now)
    return replace(facts, consent=said(provisions, who, of_use, ask.patient, ask.now), is_new=ask.is_new)


def principal_of(person: Person, policies: int) -> Principal:
    role, own = Role(person.role), person.patient or None
    return Principal(person.user_id, person.tenant, role, "", 0, "", None, own, person.mfa, policies)


class Told(MemoryFacts):
    """A FactStore of what a test told about (patient, user)."""

    def __init__(self) -> None:
        super().__init__()
        self.told: dict[tuple[str, str], Standing] = {}
        self.now = 0.0

    def load(self, principal: Principal, purpose: Purpose, patients: Collection[str]) -> dict[str, PatientFacts]:
        found = {}
        for patient in patients:
            standing = self.told.get((patient, principal.user_id), Standing())
            rows = row_of(standing), everyones(standing)
            found[patient] = facts_of(principal.tenant, patient, str(purpose.of_use), *rows, self.now)
        return found

    def patients_of(self, principal: Principal) -> frozenset[str]:
        return frozenset(patient for patient, user_id in self.told if user_id == principal.user_id)


class Texts:
    """TenantPolicies whose versions only grow."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def text(self, tenant: str, version: int) -> str:
        return self.texts[version - 1]

    def add(self, text: str) -> int:
        """The version to ask for; 0 where there are no policies."""
        if not text:
            return 0
        if text not in self.texts:
            self.texts.append(text)
        return self.texts.index(text) + 1


@dataclass
class Clinic:
    """Two patients of a tenant and one of another, with an Observation each, and an Organization. ``kept`` is what was
    stored: (type, id) -> whose it is, by which elements.
    ``seen`` counts reads that released something and reads that didn't."""

    decider: Decider
    seen: Counter[bool] = field(default_factory=Counter)
    world: World = field(default_factory=World)
    facts: Told = field(default_factory=Told)
    kept: dict[tuple[str, str], tuple[str, frozenset[str]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        ids = map(str, (uuid.UUID(int=number) for number in count(1)))
        self.world.records = replace(self.world.records, facts=self.facts, new_id=lambda: next(ids))
        self.facts.approvals = {(NORTH, id): frozenset({PROJECT}) for id in USERS}
        self.patients = tuple(self._patient(NORTH) for _ in range(2))
        self._patient("south")
        self.keep("Organization", {"resourceType": "Organization", "name": "Clinic", "active": True}, "")
        self.world.records = replace(self.world.records, decider=self.decider)

    def _patient(self, tenant: str) -> str:
        creator = self.world.call(tenant=tenant)
        id = self.keep("Patient", a_patient(), "", creator)
        self.facts.told[id, creator.principal.user_id] = Standing(care=True, sensitive=True)
        self.keep("Observation", an_observation(id), id, creator)
        self.facts.told.clear()
        return id

    def keep(self, type: str, resource: dict[str, Any], patient: str, call: Call | None = None) -> str:
        made = self.world.make(type, resource, call)
        members = frozenset(resource) - {"resourceType"}
        if call is None or call.principal.tenant == NORTH:
            self.kept[type, made.id] = patient or (made.id if type == "Patient" else ""), members
        return made.id

    def tell(self, person: Person, standings: Sequence[Standing], now: float) -> None:
        """How the person stands to each patient; the consents that the patients give are kept as records."""
        self.facts.told = {
            (id, person.user_id): told for id, told in zip(self.patients, standings, strict=True) if told != Standing()
        }
        self.kept = {key: about for key, about in self.kept.items() if key[0] != "Consent"}
        versions = self.world.store.versions
        self.world.store.versions = {key: kept for key, kept in versions.items() if key[1] != "Consent"}
        self.world.forget()
        self.facts.now = now
        for id, standing in zip(self.patients, standings, strict=True):
            giver = self.world.call(Role.PATIENT, PATIENT_REQUEST, patient_id=id, user_id="giver")
            for given in standing.consents:
                self.keep("Consent", consent_of(given, id), id, giver)

    def call(self, person: Person, of_use: str, policies: int, *, project: bool) -> Call:
        purpose = replace(TREATMENT, of_use=PurposeOfUse(of_use))
        return Call(principal_of(person, policies), purpose, REQUEST_ID, PROJECT if project else "")

    def read(self, call: Call, type: str, id: str) -> dict[str, Any] | None:
        """What is released; None where that is nothing."""
        try:
            body = read(self.world.records, call, type, self._name(call, type, id)).body
        except (AccessDenied, NotFound):
            self.seen[False] += 1
            return None
        self.seen[True] += 1
        return dict(json.loads(body))

    def search(self, call: Call, type: str, **parameters: str) -> dict[str, dict[str, Any]]:
        """What is found, by its own id."""
        kinds = {"_id": type, "patient": "Patient"}
        asked = {name: self._name(call, kinds[name], value) for name, value in parameters.items()}
        try:
            found = search(self.world.records, call, type, [*asked.items(), ("_count", "100")], base_url=BASE_URL)
        except (AccessDenied, NotFound):
            return {}
        names = {self._name(call, type, id): id for kind, id in self.kept if kind == type}
        entries = json.loads(found.body).get("entry", [])
        return {names[each["resource"]["id"]]: each["resource"] for each in entries}

    def _name(self, call: Call, type: str, id: str) -> str:
        """What the caller knows the resource by."""
        asks = call.principal.role is Role.RESEARCHER and call.purpose.of_use is PurposeOfUse.RESEARCH and call.project
        return self.world.pseudonym(type, id, call) if asks and type != "Organization" else id

    def asks(self, person: Person, of_use: str, type: str, id: str, *, project: bool, now: float) -> _Asks:
        patient, members = self.kept[type, id]
        standing = self.facts.told.get((patient, person.user_id), Standing())
        # Consents speak to whoever asks; the other facts are the person's own.
        ask = Ask(person, of_use, "read", type, "", patient, NORTH, standing, project and of_use == "RESEARCH", now=now)
        return _Asks(ask, {name: str(classify(type, name)) for name in members})


@dataclass(frozen=True)
class _Asks:
    """The questions that are about one resource. ``elements`` have their data classes."""

    about: Ask
    elements: dict[str, str]

    def of(self, action: str, classes: Collection[str]) -> Iterator[Ask]:
        for data_class in classes:
            yield replace(self.about, action=action, data_class=data_class)
