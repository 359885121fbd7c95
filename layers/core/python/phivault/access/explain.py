"""Why a decision falls as it does: which policies decide it, and for a denial what would turn it.

What is missing is found by asking Cedar again with a fact changed, never by reading policies: whatever a tenant's own
say is accounted for. A fact that alone would turn the denial is told alone; pairs only where none does. Three that
would have to change together aren't looked for, nor is another role: a person has one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import combinations
from typing import Any, Final

from cedarpy import AuthzResult, Decision, PolicySet, is_authorized_batch

from phivault.access.decide import Decider
from phivault.access.facts import PatientFacts
from phivault.access.policy_files import schema
from phivault.access.principal import Principal
from phivault.access.purpose import PurposeOfUse
from phivault.access.question import ApplicationQuestion, Asker, DataQuestion
from phivault.access.validate import our_ids

type Under = Callable[[str], DataQuestion]
"""The same question asked for another purpose, with the facts that hold for it."""

SENTENCES: Final[Mapping[str, str]] = {
    "second-factor": "The session has to pass a second factor.",
    "recent-sign-in": "The sign-in has to be no older than five minutes.",
    "care-team": "They have to be a member of the patient's care team.",
    "sensitive-membership": "Their membership of the care team has to name the sensitive class.",
    "grant": "They need a grant that names this data class and purpose.",
    "delegation": "They need a delegation that names this data class.",
    "consent": "A consent of the patient has to release this data class to this person.",
    "consent-for-sensitive": "A consent of the patient has to open the sensitive class.",
    "withdrawn-denial": "A consent of the patient denies this: the patient would have to withdraw it.",
    "lifted-restriction": "Processing of the record is restricted: the restriction would have to be lifted.",
    "broken-glass": "They have to break the glass for this patient, with no review of theirs overdue.",
    "project-approval": "They need an approval for the research project, and have to name it.",
} | {f"purpose:{purpose}": f"The purpose has to be {purpose}." for purpose in PurposeOfUse}
"""What may be missing. The names are stable, for machines."""


@dataclass(frozen=True, slots=True)
class Explained:
    """The decision about one data class, or with ``data_class`` "" about an action of the application.

    ``policies`` are the ``@id`` of those that decide: of a release its permits, of a denial its forbids, nothing where
    no policy permits. ``missing`` are ways in which a denial would turn: every fact of one has to be there.
    ``undecided`` marks a denial because a policy, or Cedar itself, failed.
    """

    data_class: str
    allowed: bool
    policies: tuple[str, ...] = ()
    missing: tuple[tuple[str, ...], ...] = ()
    undecided: bool = False


def shown(decisions: Sequence[Explained]) -> dict[str, Any]:
    """As JSON: the decisions, and a sentence for each name in what is missing."""
    named = {name for decision in decisions for way in decision.missing for name in way}
    return {
        "decisions": [
            {
                "class": decision.data_class or None,
                "allowed": decision.allowed,
                "undecided": decision.undecided,
                "policies": [{"id": id, "tenants_own": is_tenants_own(id)} for id in decision.policies],
                "missing": [list(way) for way in decision.missing],
            }
            for decision in decisions
        ],
        "sentences": {name: SENTENCES[name] for name in sorted(named)},
    }


def is_tenants_own(policy: str) -> bool:
    """Whether a deciding policy is one of the tenant's own."""
    return policy not in our_ids()


def asker_of(principal: Principal) -> Asker:
    return Asker(principal.user_id, principal.tenant, str(principal.role), principal.patient_id or "", principal.mfa)


def explain(
    decider: Decider, question: DataQuestion | ApplicationQuestion, under: Under | None = None
) -> list[Explained]:
    """The decision that ``decider`` takes, explained for each data class in the question's order.

    ``under`` is asked for each other purpose once, where something is denied; without it the facts are the same for all
    purposes. Raises Unavailable where the tenant's policies can't be read.
    """
    return _Explanation(decider.policies_for(question), cache(under) if under else None).of(question)


def held(question: DataQuestion) -> tuple[str, ...]:
    """The facts that the decision rests on, those that are so, by their stable names."""
    facts = question.patient
    told = {"project-approval": question.project}
    if facts is not None:
        told |= {
            "new-patient": facts.is_new,
            "care-team": facts.in_care_team,
            "sensitive-membership": facts.team_sees_sensitive,
            "grant": bool(facts.granted),
            "delegation": bool(facts.delegated),
            "consent": bool(facts.consent.permits),
            "consent-for-sensitive": facts.consent.sensitive,
            "denial": bool(facts.consent.denies),
            "restriction": facts.restricted,
            "broken-glass": facts.emergency,
        }
    return tuple(name for name, holds in told.items() if holds)


@dataclass(frozen=True, slots=True)
class _Explanation:
    policies: PolicySet | None
    under: Under | None

    def of(self, question: DataQuestion | ApplicationQuestion) -> list[Explained]:
        results = self._results(question)
        if results is None:
            return [Explained(name, allowed=False, undecided=True) for name in _names(question)]
        found = [_told(name, result) for name, result in zip(_names(question), results, strict=True)]
        denied = [each.data_class for each in found if not each.allowed]
        ways = self._ways(question, denied) if denied else {}
        return [replace(each, missing=tuple(ways.get(each.data_class, ()))) for each in found]

    def _ways(
        self, question: DataQuestion | ApplicationQuestion, denied: Sequence[str]
    ) -> dict[str, list[tuple[str, ...]]]:
        ways: dict[str, list[tuple[str, ...]]] = {name: [] for name in denied}
        changes = {name: change for name, change in self._changes(question) if change(question) != question}
        for size in (1, 2):
            left = [name for name, found in ways.items() if not found]
            for names in combinations(changes, size) if left else ():
                changed = _changed(question, left, [changes[name] for name in names])
                for data_class in self._turned(changed) if _differ(names) else ():
                    ways[data_class].append(names)
        return ways

    def _changes(self, question: DataQuestion | ApplicationQuestion) -> Iterator[tuple[str, _Change]]:
        yield "second-factor", _with_second_factor
        if isinstance(question, ApplicationQuestion):
            yield "recent-sign-in", _with_recent_sign_in
            return
        for purpose in PurposeOfUse:
            if purpose != question.purpose:
                yield f"purpose:{purpose}", partial(self._for_purpose, purpose.value)
        yield "project-approval", _with_project
        if question.patient is not None:
            yield from _OF_THE_PATIENT.items()

    def _for_purpose(self, purpose: str, question: _Question) -> _Question:
        if isinstance(question, ApplicationQuestion):
            return question
        if self.under is None:
            return replace(question, purpose=purpose)
        return replace(self.under(purpose), asker=question.asker, classes=question.classes)

    def _turned(self, question: DataQuestion | ApplicationQuestion) -> list[str]:
        results = self._results(question) or []
        return [name for name, result in zip(_names(question), results, strict=bool(results)) if result.allowed]

    def _results(self, question: DataQuestion | ApplicationQuestion) -> list[AuthzResult] | None:
        """None where the decider denies because something failed."""
        if self.policies is None:
            return None
        try:
            results = is_authorized_batch(question.requests(), self.policies, question.entities(), schema())
        except ValueError:
            return None
        failed = any(result.diagnostics.errors or result.decision is Decision.NoDecision for result in results)
        return None if failed or len(results) != len(_names(question)) else results


type _Question = DataQuestion | ApplicationQuestion
type _Change = Callable[[_Question], _Question]


def _told(name: str, result: AuthzResult) -> Explained:
    return Explained(name, result.allowed, tuple(sorted(result.diagnostics.id_annotations_by_reason.values())))


def _names(question: _Question) -> tuple[str, ...]:
    return question.classes if isinstance(question, DataQuestion) else ("",)


def _differ(names: Iterable[str]) -> bool:
    """There is one purpose at a time."""
    return sum(name.startswith("purpose:") for name in names) < 2


def _changed(question: _Question, classes: Sequence[str], changes: Iterable[_Change]) -> _Question:
    if isinstance(question, DataQuestion):
        question = replace(question, classes=tuple(classes))
    for change in changes:
        question = change(question)
    return question


def _with_second_factor(question: _Question) -> _Question:
    return replace(question, asker=replace(question.asker, mfa=True))


def _with_recent_sign_in(question: _Question) -> _Question:
    return replace(question, recent=True) if isinstance(question, ApplicationQuestion) else question


def _with_project(question: _Question) -> _Question:
    return replace(question, project=True) if isinstance(question, DataQuestion) else question


def _of_patient(change: Callable[[PatientFacts, frozenset[str]], PatientFacts]) -> _Change:
    def changed(question: _Question) -> _Question:
        if isinstance(question, ApplicationQuestion) or question.patient is None:
            return question
        return replace(question, patient=change(question.patient, frozenset(question.classes)))

    return changed


# In a pair they come after a purpose, whose facts take the place of those before: these change what it brought.
_OF_THE_PATIENT: Final[Mapping[str, _Change]] = {
    "care-team": _of_patient(lambda facts, _: replace(facts, in_care_team=True)),
    "sensitive-membership": _of_patient(lambda facts, _: replace(facts, team_sees_sensitive=True)),
    "grant": _of_patient(lambda facts, classes: replace(facts, granted=facts.granted | classes)),
    "delegation": _of_patient(lambda facts, classes: replace(facts, delegated=facts.delegated | classes)),
    "consent": _of_patient(
        lambda facts, classes: replace(facts, consent=replace(facts.consent, permits=facts.consent.permits | classes))
    ),
    "consent-for-sensitive": _of_patient(
        lambda facts, _: replace(facts, consent=replace(facts.consent, sensitive=True))
    ),
    "withdrawn-denial": _of_patient(
        lambda facts, classes: replace(facts, consent=replace(facts.consent, denies=facts.consent.denies - classes))
    ),
    "lifted-restriction": _of_patient(lambda facts, _: replace(facts, restricted=False)),
    "broken-glass": _of_patient(lambda facts, _: replace(facts, emergency=True)),
}
