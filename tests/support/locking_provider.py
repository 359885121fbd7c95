"""A provider that locks accounts as the local Cognito does, for attacks on its lock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from local.cognito.errors import CognitoError
from local.cognito.lockout import Lock
from phivault.errors import InvalidCredentials, TooManyRequests
from phivault.identity.provider import Challenged, ChallengeName, Tokens
from tests.unit.identity.fakes import Clock, FakeProvider


class LockingProvider(FakeProvider):
    """``worst`` is the highest count of failures that any account ever had, ``met`` how often a lock was met."""

    def __init__(self, now: Clock) -> None:
        super().__init__(now)
        self._locks: dict[str, Lock] = {}
        self.worst = self.met = 0

    def initiate(self, email: str, password: str) -> Challenged:
        with self._counted(email):
            return super().initiate(email, password)

    def respond(self, challenge: ChallengeName, session: str, email: str, answer: str) -> Challenged | Tokens:
        with self._counted(email):
            answered = super().respond(challenge, session, email, answer)
        if isinstance(answered, Tokens):
            self._locks[email].reset()
        return answered

    @contextmanager
    def _counted(self, email: str) -> Iterator[None]:
        lock = self._locks.setdefault(email, Lock())
        try:
            lock.admit(self._now())
        except CognitoError:
            self.met += 1
            raise TooManyRequests from None
        try:
            yield
        except InvalidCredentials:
            lock.fail(self._now())
            self.worst = max(self.worst, lock.failures)
            raise
