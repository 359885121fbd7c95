"""From the provision of a FHIR Consent to the rule that is enforced. FHIR R4, section Consent.

Whatever can't be enforced is refused, so that nobody believes that it is. Errors name the element and never what
stands there. ``value`` has passed ``validate``: its elements are FHIR's and of their types.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

from phivault.access.consent import Provision
from phivault.errors import Unprocessable
from phivault.phi.data_class import DataClass
from phivault.records import consent_terms as terms
from phivault.records.consent_period import bounds

MAX_DEPTH = 4
MAX_PROVISIONS = 51  # the outermost and 50 within it
MAX_TERMS = 100
"""The most actors, purposes or labels of one provision."""
_ELEMENTS = frozenset({"type", "period", "actor", "purpose", "securityLabel", "action", "provision"})
_CODING = frozenset({"system", "version", "code", "display", "userSelected"})
_PHI = frozenset({DataClass.CONTACT, DataClass.IDENTIFYING, DataClass.CLINICAL, DataClass.SENSITIVE})
_EVERYONE = Provision(
    permit=True,
    classes=frozenset(each.value for each in terms.ALL_CLASSES),
    purposes=frozenset(each.value for each in terms.EVERYDAY),
)


def provision_of(value: Mapping[str, Any]) -> Provision:
    """The rule that ``Consent.provision`` states. Raises Unprocessable, naming what isn't enforced."""
    return _Reader().outermost(value)


@dataclass(slots=True)
class _Reader:
    """Counts provisions, since each costs every later request its time."""

    read: int = 0

    def outermost(self, value: Mapping[str, Any]) -> Provision:
        place = _Place("Consent.provision", value)
        named = _purposes(place)
        around = replace(_EVERYONE, purposes=named or _EVERYONE.purposes)
        return self._provision(place, around, depth=1)

    def _provision(self, place: _Place, around: Provision, *, depth: int) -> Provision:
        self.read += 1
        if depth > MAX_DEPTH or self.read > MAX_PROVISIONS:
            place.refuse("", f"is one of more than {MAX_PROVISIONS - 1}, or nested deeper than {MAX_DEPTH}")
        place.only(_ELEMENTS)
        permit = self._is_permit(place, around, depth)
        _check_action(place)
        rule = _limited(place, replace(around, permit=permit, exceptions=()))
        nested = (self._provision(each, rule, depth=depth + 1) for each in place.each("provision"))
        return replace(rule, exceptions=tuple(nested))

    @staticmethod
    def _is_permit(place: _Place, around: Provision, depth: int) -> bool:
        kind = place.value.get("type")
        if kind is None:
            place.refuse("type", "is required: permit or deny")
        permit: bool = kind == "permit"
        if depth > 1 and permit is around.permit:
            place.refuse("type", "must be the opposite of the provision around it, whose exception this is")
        return permit


@dataclass(frozen=True, slots=True)
class _Place:
    """An object and where it stands. Prints without it."""

    path: str
    value: Mapping[str, Any] = field(repr=False)

    def refuse(self, element: str, rule: str) -> NoReturn:
        raise Unprocessable(f"{self.path}.{element} {rule}" if element else f"{self.path} {rule}")

    def only(self, elements: Iterable[str]) -> None:
        for name in self.value:
            if name not in elements:
                self.refuse(name, "can't be enforced and isn't accepted")

    def each(self, element: str) -> Iterator[_Place]:
        for index, item in enumerate(self.value.get(element, ())):
            yield _Place(f"{self.path}.{element}[{index}]", item)

    def inside(self, element: str) -> _Place:
        value = self.value.get(element)
        if value is None:
            self.refuse(element, "is required")
        return _Place(f"{self.path}.{element}", value)

    def coding(self) -> tuple[str, str]:
        self.only(_CODING)
        return self.value.get("system", ""), self.value.get("code", "")


def _limited(place: _Place, around: Provision) -> Provision:
    """The rule with its own limits. Each must lie within those around it: outside it would never hold."""
    starts, until = _period(place)
    users, roles = _actors(place)
    rule = Provision(
        permit=around.permit,
        classes=_classes(place, around),
        purposes=_purposes(place) or around.purposes,
        users=users if users or roles else around.users,
        roles=roles if users or roles else around.roles,
        starts=max(starts, around.starts),
        until=min(until, around.until),
    )
    if not rule.purposes <= around.purposes:
        place.refuse("purpose", "must be among the purposes of the provision around it")
    if not _reaches(rule, around):
        place.refuse("actor", "must be among the actors of the provision around it")
    if not rule.starts < rule.until:
        place.refuse("period", "must overlap that of the provision around it")
    return rule


def _classes(place: _Place, around: Provision) -> frozenset[str]:
    named = frozenset(_label(each, permit=around.permit) for each in place.each("securityLabel"))
    _bounded(place, "securityLabel")
    if not named:
        return _all_but_sensitive(place, around) if around.permit else around.classes
    if not named <= around.classes:
        place.refuse("securityLabel", "must be among the classes of the provision around it")
    if not around.permit and named & _PHI:
        # De-identified forms are made of it.
        named |= {DataClass.DEIDENTIFIED.value} & around.classes
    return named


def _all_but_sensitive(place: _Place, around: Provision) -> frozenset[str]:
    left = around.classes - {DataClass.SENSITIVE.value}
    if left <= {DataClass.DEIDENTIFIED.value} and left != around.classes:  # which came along with the sensitive class
        place.refuse("", "covers nothing: a permit covers the sensitive class only where securityLabel names it")
    return left


def _label(place: _Place, *, permit: bool) -> str:
    label = place.coding()
    if label in terms.NARROW:
        if permit:
            place.refuse("code", "is one kind of sensitive data: a permit can only name the class sensitive as a whole")
        return DataClass.SENSITIVE.value
    if label not in terms.LABELS:
        place.refuse("code", f"must be a data class ({terms.DATA_CLASS}), R or V, or a sensitivity that is known here")
    return terms.LABELS[label].value


def _purposes(place: _Place) -> frozenset[str]:
    found = set()
    for each in place.each("purpose"):
        purpose = terms.PURPOSES.get(each.coding())
        if purpose is None:
            each.refuse("code", "must be TREAT, HPAYMT, HOPERAT, HRESCH, PATRQT or ETREAT of v3-ActReason")
        found.add(purpose.value)
    _bounded(place, "purpose")
    return frozenset(found)


def _actors(place: _Place) -> tuple[frozenset[str], frozenset[str]]:
    users: set[str] = set()
    roles: set[str] = set()
    for each in place.each("actor"):
        system, value = _actor(each)
        (users if system == terms.USER else roles).add(value)
    _bounded(place, "actor")
    return frozenset(users), frozenset(roles)


def _actor(place: _Place) -> tuple[str, str]:
    place.only({"role", "reference"})
    role = place.inside("role")
    role.only({"coding", "text"})
    codings = list(role.each("coding"))
    if [each.coding() for each in codings] != [terms.RECIPIENT]:
        role.refuse("coding", "must be IRCP of v3-ParticipationType alone")
    reference = place.inside("reference")
    reference.only({"identifier", "display"})
    identifier = reference.inside("identifier")
    identifier.only({"system", "value"})
    system, value = identifier.value.get("system", ""), identifier.value.get("value", "")
    known = value in terms.ROLES if system == terms.ROLE else system == terms.USER and terms.USER_ID.fullmatch(value)
    if not known:
        identifier.refuse("value", f"must be a user's id ({terms.USER}) or a role ({terms.ROLE})")
    return system, value


def _reaches(rule: Provision, around: Provision) -> bool:
    """Whether everyone whom the rule names may be somebody whom the one around it covers."""
    if not (around.users or around.roles):
        return True
    users = rule.users <= around.users or bool(around.roles)
    roles = rule.roles <= around.roles or bool(around.users)
    return users and roles


def _period(place: _Place) -> tuple[float, float]:
    if "period" not in place.value:
        return _EVERYONE.starts, _EVERYONE.until
    period = place.inside("period")
    period.only({"start", "end"})
    try:
        return bounds(period.value)
    except ValueError:
        place.refuse("period", "must be two dates, the end not before the start")


def _check_action(place: _Place) -> None:
    for each in place.each("action"):
        each.only({"coding", "text"})
        codings = list(each.each("coding"))
        if not codings or any(one.coding() not in terms.ACTIONS for one in codings):
            each.refuse("coding", "must be access or disclose of consentaction: no other action can be enforced")


def _bounded(place: _Place, element: str) -> None:
    if len(place.value.get(element, ())) > MAX_TERMS:
        place.refuse(element, f"may have at most {MAX_TERMS} items")
