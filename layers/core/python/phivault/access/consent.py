"""What a patient's consents say to one principal: evaluated here, without any IO. docs/consent.md has the rules."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from phivault.access.facts import ConsentFacts
from phivault.access.principal import Principal
from phivault.access.purpose import Purpose

SENSITIVE = "sensitive"


@dataclass(frozen=True, slots=True)
class Provision:
    """A rule of a Consent and its exceptions, whatever it leaves open already filled in from the rule around it.

    ``classes`` (data classes) and ``purposes`` are what it covers. ``users`` and ``roles`` are whom it names; where
    both are empty it speaks to everyone. It holds from ``starts`` until ``until`` (Unix seconds, the end excluded).
    An exception matters only where the rule around it covers, too.
    """

    permit: bool
    classes: frozenset[str]
    purposes: frozenset[str]
    users: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    starts: float = float("-inf")
    until: float = float("inf")
    exceptions: tuple[Provision, ...] = ()


def facts_of(
    consents: Iterable[Provision], principal: Principal, purpose: Purpose, patient: str, now: float
) -> ConsentFacts:
    """What the consents in force of ``patient`` (a bare id) say to ``principal``, for this purpose, at ``now`` (Unix
    seconds). To the patient themself: nothing, ever. Where two disagree, the one that denies wins."""
    if principal.patient_id == patient:
        return ConsentFacts()
    ask = _Ask(principal.user_id, str(principal.role), str(purpose.of_use), now)
    permits: set[str] = set()
    denies: set[str] = set()
    sensitive = False
    for consent in consents:
        for data_class in consent.classes:
            rule = ask.ruling(consent, data_class)
            if rule is None:
                continue
            if not rule.permit:
                denies.add(data_class)
            elif principal.user_id in rule.users:
                permits.add(data_class)
            elif data_class == SENSITIVE:
                sensitive = True
    return ConsentFacts(frozenset(permits - denies), frozenset(denies), sensitive and SENSITIVE not in denies)


@dataclass(frozen=True, slots=True)
class _Ask:
    user_id: str
    role: str
    purpose: str
    now: float

    def ruling(self, rule: Provision, data_class: str) -> Provision | None:
        """The rule that decides about the class: the deepest that covers it; among exceptions that stand side by side
        one that denies. None where ``rule`` doesn't cover it."""
        if not self._is_covered(rule, data_class):
            return None
        rulings = [found for each in rule.exceptions if (found := self.ruling(each, data_class)) is not None]
        return min(rulings, key=self._rank, default=rule)

    def _is_covered(self, rule: Provision, data_class: str) -> bool:
        return (
            rule.starts <= self.now < rule.until
            and data_class in rule.classes
            and self.purpose in rule.purposes
            and (not (rule.users or rule.roles) or self.user_id in rule.users or self.role in rule.roles)
        )

    def _rank(self, rule: Provision) -> tuple[bool, bool]:
        """A denial first, then what names this very person: it permits more than a permission that doesn't."""
        return rule.permit, self.user_id not in rule.users
