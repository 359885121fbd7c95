"""The rules of docs/access.md once more, in plain Python: what decisions are compared with. Nothing here knows Cedar,
nor any code that decides.

Facts are as people would tell them (a grant with its dates), not as the product keeps them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

LOOKS = ("read", "search")
WRITES = ("create", "update", "delete")
CARE_STAFF = ("clinician", "care_coordinator")
WHO_IT_IS = ("administrative", "identifying", "contact")
DIRECTORY = ("Organization", "Location", "Practitioner", "PractitionerRole")
PHI = frozenset({"contact", "identifying", "clinical", "sensitive"})
EVERY_CLASS = PHI | {"administrative", "deidentified"}


@dataclass(frozen=True)
class Grant:
    """``classes`` for ``purposes`` (none named: for all), from ``starts`` until ``until``; to a delegate or not."""

    delegate: bool
    classes: frozenset[str]
    purposes: frozenset[str]
    starts: float
    until: float

    def gives(self, data_class: str, purpose: str, now: float) -> bool:
        timely = self.starts <= now < self.until
        return timely and data_class in self.classes and (not self.purposes or purpose in self.purposes)


@dataclass(frozen=True)
class Given:
    """A Consent with one rule. What names nothing covers all: but a permission the sensitive class only by name, and
    nothing an emergency but by name. ``active`` is False once it is withdrawn."""

    permit: bool
    classes: frozenset[str]
    purposes: frozenset[str]
    users: frozenset[str]
    roles: frozenset[str]
    active: bool

    def speaks_to(self, ask: Ask) -> bool:
        anyone = not self.users and not self.roles
        named = anyone or ask.person.user_id in self.users or ask.person.role in self.roles
        of_use = ask.purpose in self.purposes if self.purposes else ask.purpose != "EMERGENCY"
        return self.active and named and of_use and ask.data_class in self._covered()

    def _covered(self) -> frozenset[str]:
        if self.permit:
            return self.classes or EVERY_CLASS - {"sensitive"}
        if self.classes & PHI:
            return self.classes | {"deidentified"}  # which is made of it
        return self.classes or EVERY_CLASS


@dataclass(frozen=True)
class Standing:
    """How a person stands to a patient. ``restriction`` names the purposes that it is for, none for all."""

    care: bool = False
    sensitive: bool = False
    grants: tuple[Grant, ...] = ()
    glass_until: float | None = None
    restriction: frozenset[str] | None = None
    consents: tuple[Given, ...] = ()


@dataclass(frozen=True)
class Person:
    user_id: str
    role: str
    tenant: str
    patient: str = ""
    mfa: bool = True


@dataclass(frozen=True)
class Ask:
    """May the person do this to elements of this class? ``patient`` is "" where the resource is about none."""

    person: Person
    purpose: str
    action: str
    type: str
    data_class: str
    patient: str
    tenant: str
    standing: Standing = field(default_factory=Standing)
    project: bool = False
    is_new: bool = False
    now: float = 0

    @property
    def own(self) -> bool:
        return bool(self.patient) and self.person.patient == self.patient

    @property
    def granted(self) -> bool:
        return self._given(delegate=False)

    @property
    def delegated(self) -> bool:
        return self._given(delegate=True)

    @property
    def emergency(self) -> bool:
        return self.standing.glass_until is not None and self.now < self.standing.glass_until

    @property
    def restricted(self) -> bool:
        purposes = self.standing.restriction
        return purposes is not None and (not purposes or self.purpose in purposes)

    @property
    def denied(self) -> bool:
        return any(not given.permit for given in self._said())

    @property
    def released(self) -> bool:
        """To this very person."""
        return not self.denied and any(given.permit and self.person.user_id in given.users for given in self._said())

    @property
    def opened(self) -> bool:
        """The sensitive class, to whoever may see the record: said of that class, whichever this ask is about."""
        asked = Ask(**vars(self) | {"data_class": "sensitive"})
        said = [given for given in asked._said() if not given.permit or self.person.user_id not in given.users]
        return bool(said) and all(given.permit for given in said)

    def _given(self, *, delegate: bool) -> bool:
        grants = (grant for grant in self.standing.grants if grant.delegate is delegate)
        return any(grant.gives(self.data_class, self.purpose, self.now) for grant in grants)

    def _said(self) -> list[Given]:
        return [] if self.own else [given for given in self.standing.consents if given.speaks_to(self)]


type Rule = Callable[[Ask], bool]


def allows(ask: Ask, own: Iterable[tuple[bool, Rule]] = ()) -> bool:
    """``own`` are a tenant's own rules: whether they permit, and when they apply."""
    rules = [(permits, applies) for permits, applies in own if applies(ask)]
    if any(not permits for permits, _ in rules) or not ask.person.mfa or not ask.person.tenant:
        return False
    if ask.person.tenant != ask.tenant:
        return False
    if ask.patient and any(refuses(ask) for refuses in REFUSALS.values()):
        return False
    if not ask.patient and ask.person.role == "researcher" and ask.action in WRITES:
        return False
    return bool(rules) or any(permits(ask) for permits in (PERMISSIONS if ask.patient else [keeps_the_directory]))


REFUSALS: dict[str, Rule] = {
    "administration-sees-no-phi": lambda ask: ask.person.role in ("tenant_admin", "security_officer", "auditor"),
    "researchers-see-deidentified-data-of-their-projects-only": lambda ask: (
        ask.person.role == "researcher"
        and ask.action in LOOKS
        and not (ask.data_class == "deidentified" and ask.purpose == "RESEARCH" and ask.project)
    ),
    "researchers-write-nothing": lambda ask: ask.person.role == "researcher" and ask.action in WRITES,
    "patients-see-their-own-and-delegated-records-only": lambda ask: (
        ask.person.role == "patient" and not ask.own and not ask.delegated
    ),
    "requests-of-patients-are-made-by-patients": lambda ask: (
        ask.purpose == "PATIENT_REQUEST" and ask.person.role != "patient"
    ),
    "an-emergency-needs-broken-glass": lambda ask: ask.purpose == "EMERGENCY" and not ask.emergency,
    "sensitive-data-needs-a-grant-or-consent": lambda ask: (
        ask.data_class == "sensitive"
        and ask.action != "create"
        and not (
            ask.own
            or (ask.standing.care and ask.standing.sensitive)
            or ask.granted
            or ask.delegated
            or ask.released
            or ask.opened
            or (ask.purpose == "EMERGENCY" and ask.emergency)
            or keeps_consents(ask)
        )
    ),
    "a-restricted-record-rests": lambda ask: (
        ask.restricted
        and not (
            ask.own
            or ask.person.role == "privacy_officer"
            or ask.released
            or (ask.purpose == "EMERGENCY" and ask.emergency)
        )
    ),
    "consent-withholds": lambda ask: ask.denied and ask.action != "create" and not keeps_consents(ask),
    "consents-are-given-by-patients-or-kept-by-privacy-officers": lambda ask: (
        ask.type == "Consent" and ask.action in WRITES and not ask.own and ask.person.role != "privacy_officer"
    ),
}
"""What nothing overrides for data about a patient, by the ``@id`` of the policy that holds it."""


def keeps_consents(ask: Ask) -> bool:
    return ask.person.role == "privacy_officer" and ask.type == "Consent"


def treats(ask: Ask) -> bool:
    return ask.person.role == "clinician" and ask.purpose == "TREATMENT" and ask.standing.care


def takes_on_a_new_patient(ask: Ask) -> bool:
    new = ask.is_new and ask.action == "create"
    return ask.person.role == "clinician" and ask.purpose == "TREATMENT" and new


def organizes(ask: Ask) -> bool:
    caring = ask.person.role == "care_coordinator" and ask.purpose in ("TREATMENT", "OPERATIONS")
    who = ask.data_class in WHO_IT_IS and ask.action in (*LOOKS, "update")
    what = ask.data_class in ("clinical", "deidentified") and ask.action == "read" and ask.standing.care
    return caring and (who or what)


def keeps_the_directory(ask: Ask) -> bool:
    return (
        ask.person.role in CARE_STAFF
        and ask.purpose in ("TREATMENT", "OPERATIONS")
        and ask.type in DIRECTORY
        and ask.data_class in WHO_IT_IS
        and ask.action != "delete"
    )


def looks_at_their_own(ask: Ask) -> bool:
    theirs = ask.person.role == "patient" and ask.purpose == "PATIENT_REQUEST" and ask.own
    return theirs and (ask.action in LOOKS or ask.type == "Consent")


def is_a_delegate(ask: Ask) -> bool:
    asks = ask.person.role == "patient" and ask.purpose == "PATIENT_REQUEST" and ask.action in LOOKS
    return asks and ask.delegated


def was_granted(ask: Ask) -> bool:
    return ask.action in LOOKS and (ask.granted or ask.released)


def breaks_glass(ask: Ask) -> bool:
    opened = ask.purpose == "EMERGENCY" and ask.emergency
    return opened and ask.person.role in CARE_STAFF and ask.action in (*LOOKS, "create")


def researches(ask: Ask) -> bool:
    asks = ask.person.role == "researcher" and ask.purpose == "RESEARCH" and ask.action in LOOKS
    return asks and ask.project and ask.data_class == "deidentified"


def oversees_privacy(ask: Ask) -> bool:
    if ask.person.role != "privacy_officer" or ask.purpose != "OPERATIONS":
        return False
    keeps = ask.type == "Consent" and ask.action != "delete"
    return keeps or (ask.data_class in WHO_IT_IS and ask.action in LOOKS)


PERMISSIONS: list[Rule] = [
    treats,
    takes_on_a_new_patient,
    organizes,
    looks_at_their_own,
    is_a_delegate,
    was_granted,
    breaks_glass,
    researches,
    oversees_privacy,
]
