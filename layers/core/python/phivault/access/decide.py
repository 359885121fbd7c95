"""Decisions: what a principal may do to which data classes of whose resource, for which purpose.

Cedar decides by the files in ``policies/``; what they don't permit is denied. A decision that fails is a denial.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache

from cedarpy import AuthzResult, Decision, PolicySet, is_authorized_batch

from phivault.access.batch import Batch, Question, batches, reaches_for_others
from phivault.access.facts import PatientFacts
from phivault.access.policy_files import policies, policy_text, schema
from phivault.access.principal import Principal
from phivault.access.purpose import Purpose
from phivault.access.question import ApplicationQuestion, Asker, DataQuestion
from phivault.access.remembered import Known, Remembered
from phivault.access.roles import Role
from phivault.access.tenant_policies import TenantPolicies
from phivault.errors import AccessDenied, SignInAgain

CACHED_DECISIONS = 4096
CACHED_POLICY_SETS = 64
RECENT_SECONDS = 300
_SKEW_SECONDS = 60
_UNKNOWN = Known()

_log = logging.getLogger(__name__)


class _Undecided(Exception):
    """Cedar couldn't evaluate. Its own text quotes the entities, so it isn't kept."""


@dataclass(frozen=True, slots=True)
class Asked[C: str]:
    """One of many questions: which of ``classes`` (data classes) may be acted on, in a resource of this type and
    patient? ``action`` is create, read, update, delete or search; ``patient`` is None for a resource about no
    patient."""

    action: str
    resource_type: str
    patient: PatientFacts | None
    classes: Collection[C]


@dataclass(frozen=True, slots=True)
class _Policies:
    """``apart``: they name patients, so that each question is asked alone and with the patient's id."""

    parsed: PolicySet
    apart: bool = False


class Decider:
    """Remembers decisions by everything that Cedar was told (a Question), so that no change of a fact meets an
    old decision. Failures aren't remembered. Safe to share between threads.

    Of a patient's id policies learn one thing: whether it is the asker's own. So patients to whom the asker stands
    alike are one question, unless a tenant's policies name them.

    A tenant's own policies stand beside ours by their version, which the principal brings from the session's row: a
    version never changes, so a set that was parsed once is good for ever. Ours are above them (``guardrails.cedar``).
    """

    def __init__(self, policy_set: PolicySet | None = None, tenants: TenantPolicies | None = None) -> None:
        self._policies, self._tenants = _Policies(policy_set or policies()), tenants
        self._memory = Remembered(CACHED_DECISIONS)
        self._with_tenant = lru_cache(CACHED_POLICY_SETS)(self._joined)

    def granted[C: str](
        self,
        principal: Principal,
        purpose: Purpose,
        action: str,
        resource_type: str,
        patient: PatientFacts | None,
        classes: Collection[C],
        *,
        project: bool = False,
    ) -> frozenset[C]:
        """Those of ``classes`` that the principal may act on: ``granted_all`` for one."""
        [granted] = self.granted_all(
            principal, purpose, [Asked(action, resource_type, patient, classes)], project=project
        )
        return granted

    def granted_all[C: str](
        self, principal: Principal, purpose: Purpose, asked: Sequence[Asked[C]], *, project: bool = False
    ) -> list[frozenset[C]]:
        """For each question those of its classes that the principal may act on, all that isn't remembered decided in
        one call of Cedar.

        ``project`` says that the principal is approved for the research project that they ask for. An empty answer is a
        denial; so is every failure, which is logged and denies the whole question that it is part of. Raises
        Unavailable where the tenant's policies can't be read.
        """
        asker, of_use, version = _asker(principal), str(purpose.of_use), principal.policies
        held = self._policies_for(asker.tenant, version)
        apart = held is None or held.apart
        keys = [
            DataQuestion(asker, of_use, one.action, one.resource_type, _told(one, asker, apart), (), project, version)
            for one in asked
        ]
        answers = self._answers([(key, frozenset(one.classes)) for key, one in zip(keys, asked, strict=True)])
        return [
            frozenset(name for name in one.classes if name in answer) if answer else frozenset()
            for one, answer in zip(asked, answers, strict=True)
        ]

    def permits(self, principal: Principal, action: str) -> bool:
        """Whether the principal may do ``action``, one that isn't about FHIR data (``audit:search``), now."""
        return self._may(principal, action, recent=is_recent(principal, time.time()))

    def require(self, principal: Principal, action: str) -> None:
        """The same for whoever tells the caller: raises SignInAgain where a new sign-in would help, else AccessDenied,
        which names the permission and who has it."""
        if self.permits(principal, action):
            return
        if self._may(principal, action, recent=True):
            raise SignInAgain("This needs a sign-in no older than five minutes: sign in again")
        if principal.role in (having := self.roles(action)):
            raise AccessDenied(f"The permission {action} needs a session with a second factor")
        others = ", ".join(having) or "nobody"
        raise AccessDenied(f"The role {principal.role} does not have the permission {action}; who has it: {others}")

    def roles(self, action: str) -> list[Role]:
        """Those that may do ``action``, one that isn't about FHIR data, in their own tenant after a recent sign-in."""
        asked = {role: ApplicationQuestion(Asker("user", "tenant", role, "", True), action, True) for role in Role}
        return [role for role, question in asked.items() if self._permitted(question)]

    def _may(self, principal: Principal, action: str, *, recent: bool) -> bool:
        return self._permitted(ApplicationQuestion(_asker(principal), action, recent))

    def policies_for(self, question: Question) -> PolicySet | None:
        """What decides this question; None where nothing can, which denies it. Raises Unavailable where the tenant's
        policies can't be read."""
        held = self._policies_for(question.asker.tenant, question.policies)
        return None if held is None else held.parsed

    def _answers(self, asked: Sequence[tuple[DataQuestion, frozenset[str]]]) -> list[frozenset[str]]:
        """The classes that are known to be granted, or none where one of those asked about stays unknown."""
        known = [self._memory.get(key) or _UNKNOWN for key, _ in asked]
        if not all(names <= each.asked for (_, names), each in zip(asked, known, strict=True)):
            learnt = self._learnt(asked, {key: each for (key, _), each in zip(asked, known, strict=True)})
            known = [learnt[key] for key, _ in asked]
        return [
            each.allowed if names <= each.asked else frozenset() for (_, names), each in zip(asked, known, strict=True)
        ]

    def _learnt(
        self, asked: Sequence[tuple[DataQuestion, frozenset[str]]], known: dict[DataQuestion, Known]
    ) -> dict[DataQuestion, Known]:
        """``known``, with what wasn't and could be decided."""
        missing: dict[DataQuestion, frozenset[str]] = {}
        for key, names in asked:
            if not names <= known[key].asked:
                missing[key] = missing.get(key, frozenset()) | (names - known[key].asked)
        keys = {key.about(tuple(sorted(map(str, names)))): key for key, names in missing.items()}
        for question, allowed in self._evaluated(list(keys)).items():
            key = keys[question]
            known[key] = known[key].and_also(question.classes, allowed)
            self._memory.put(key, known[key])
        return known

    def _permitted(self, question: ApplicationQuestion) -> bool:
        known = self._memory.get(question)
        if known is None:
            answer = self._evaluated([question])
            if question not in answer:
                return False
            known = Known(allowed=answer[question])
            self._memory.put(question, known)
        return bool(known.allowed)

    def _evaluated[Q: Question](self, questions: Sequence[Q]) -> dict[Q, frozenset[str]]:
        """What is granted of each question; one that could not be decided is left out."""
        answers: dict[Q, frozenset[str]] = {}
        held = self._policies_for(questions[0].asker.tenant, questions[0].policies)
        if held is not None:
            for batch in batches(questions, apart=held.apart):
                answers |= self._ask(batch, held.parsed)
        for action in {question.action for question in questions if question not in answers}:
            _log.error("Policies could not decide action %r: denied", action)
        return answers

    def _ask[Q: Question](self, batch: Batch[Q], held: PolicySet) -> dict[Q, frozenset[str]]:
        try:
            results = _results(batch, held)
        except _Undecided:
            # What Cedar can't even take (text of a caller's, a class that the schema doesn't have) fails the batch.
            alone = batches(batch.questions, apart=True) if len(batch.questions) > 1 else []
            return {question: granted for one in alone for question, granted in self._ask(one, held).items()}
        return {
            question: frozenset(name for name, result in zip(question.names, own, strict=True) if result.allowed)
            for question, own in batch.split(results)
            # Cedar skips a policy that fails to evaluate. Were it a forbid, the rest could permit: one failure denies
            # the question.
            if not any(result.diagnostics.errors for result in own)
        }

    def _policies_for(self, tenant: str, version: int) -> _Policies | None:
        if not version:
            return self._policies
        try:
            return self._with_tenant(tenant, version)
        except ValueError:
            return None

    def _joined(self, tenant: str, version: int) -> _Policies:
        if self._tenants is None:
            raise ValueError("A tenant has policies of its own, and nobody here can read them")
        text = self._tenants.text(tenant, version)
        return _Policies(PolicySet.from_str(policy_text() + "\n" + text), reaches_for_others(text))


def _told(asked: Asked[str], asker: Asker, apart: bool) -> PatientFacts | None:
    patient = asked.patient
    return patient if patient is None or apart or patient.id == asker.patient_id else patient.called("")


def _results[Q: Question](batch: Batch[Q], held: PolicySet) -> list[AuthzResult]:
    try:
        results = is_authorized_batch(batch.requests, held, batch.entities(), schema())
    except ValueError:  # text that Cedar can't take, such as a lone surrogate
        raise _Undecided from None
    if len(results) != len(batch.requests) or any(result.decision is Decision.NoDecision for result in results):
        raise _Undecided
    return results


def is_recent(principal: Principal, now: float) -> bool:
    """Whether the principal signed in within the last five minutes; ``now`` is in Unix seconds. A provider's clock may
    be a little ahead."""
    return -_SKEW_SECONDS <= now - principal.auth_time <= RECENT_SECONDS


def _asker(principal: Principal) -> Asker:
    return Asker(principal.user_id, principal.tenant, str(principal.role), principal.patient_id or "", principal.mfa)
