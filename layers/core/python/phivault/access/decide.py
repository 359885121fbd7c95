"""Decisions: what a principal may do to which data classes of whose resource, for which purpose.

Cedar decides by the files in ``policies/``; what they don't permit is denied. A decision that fails is a denial.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection
from functools import lru_cache

from cedarpy import AuthzResult, Decision, PolicySet, is_authorized_batch

from phivault.access.facts import PatientFacts
from phivault.access.policy_files import policies, schema
from phivault.access.principal import Principal
from phivault.access.purpose import Purpose
from phivault.access.question import ApplicationQuestion, Asker, DataQuestion
from phivault.errors import AccessDenied, SignInAgain

CACHED_DECISIONS = 4096
RECENT_SECONDS = 300
_SKEW_SECONDS = 60

_log = logging.getLogger(__name__)


class _Undecided(Exception):
    """Cedar couldn't evaluate. Its own text quotes the entities, so it isn't kept."""


class Decider:
    """Remembers decisions by everything that Cedar was told (a Question), so that no change of a fact meets an
    old decision. Failures aren't remembered. Safe to share between threads."""

    def __init__(self, policy_set: PolicySet | None = None) -> None:
        self._policies = policy_set or policies()
        self._decide = lru_cache(CACHED_DECISIONS)(self._evaluate)

    def granted[C: str](
        self,
        principal: Principal,
        purpose: Purpose,
        action: str,
        resource_type: str,
        patient: PatientFacts | None,
        classes: Collection[C],
    ) -> frozenset[C]:
        """Those of ``classes`` (data classes) that the principal may act on, in a resource of this type and patient.

        ``action`` is create, read, update, delete or search; ``patient`` is None for a resource about no patient.
        An empty answer is a denial; so is every failure, which is logged.
        """
        names = tuple(sorted({str(data_class) for data_class in classes}))
        if not names:
            return frozenset()
        question = DataQuestion(_asker(principal), str(purpose.of_use), action, resource_type, patient, names)
        allowed = self._answer(question)
        return frozenset(data_class for data_class in classes if str(data_class) in allowed)

    def permits(self, principal: Principal, action: str) -> bool:
        """Whether the principal may do ``action``, one that isn't about FHIR data (``audit:search``), now."""
        return self._may(principal, action, recent=is_recent(principal, time.time()))

    def require(self, principal: Principal, action: str, refusal: str) -> None:
        """The same for whoever tells the caller: raises SignInAgain where a new sign-in would help, else AccessDenied
        with ``refusal``."""
        if self.permits(principal, action):
            return
        if self._may(principal, action, recent=True):
            raise SignInAgain("This needs a sign-in no older than five minutes: sign in again")
        raise AccessDenied(refusal)

    def _may(self, principal: Principal, action: str, *, recent: bool) -> bool:
        return bool(self._answer(ApplicationQuestion(_asker(principal), action, recent)))

    def _answer(self, question: DataQuestion | ApplicationQuestion) -> frozenset[str]:
        try:
            return self._decide(question)
        except _Undecided:
            _log.error("Policies could not decide action %r: denied", question.action)
            return frozenset()

    def _evaluate(self, question: DataQuestion | ApplicationQuestion) -> frozenset[str]:
        """The ids of the resources that are allowed."""
        requests = question.requests()
        try:
            results = is_authorized_batch(requests, self._policies, question.entities(), schema())
        except ValueError:  # text that Cedar can't take, such as a lone surrogate
            raise _Undecided from None
        # Cedar skips a policy that fails to evaluate. Were it a forbid, the rest could permit: one failure denies all.
        if len(results) != len(requests) or not all(_decided(result) for result in results):
            raise _Undecided
        return frozenset(
            request["resource"]["id"] for request, result in zip(requests, results, strict=True) if result.allowed
        )


def _decided(result: AuthzResult) -> bool:
    return not result.diagnostics.errors and result.decision is not Decision.NoDecision


def is_recent(principal: Principal, now: float) -> bool:
    """Whether the principal signed in within the last five minutes; ``now`` is in Unix seconds. A provider's clock may
    be a little ahead."""
    return -_SKEW_SECONDS <= now - principal.auth_time <= RECENT_SECONDS


def _asker(principal: Principal) -> Asker:
    return Asker(principal.user_id, principal.tenant, str(principal.role), principal.patient_id or "", principal.mfa)
