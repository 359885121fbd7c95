"""Locks after failures, by account and place (docs/adr/0025-known-places-keep-their-tries.md).

A place is a network (``source.network_of``). It is known to an account for 30 days after a full sign-in from there.
All places that aren't known, the strangers, share one count per account; a known place has a count of its own. After
the n-th failure in a row no further password or code is taken for:

=========  ======  ======  ======  ======  ======  ======  =======
n          1 to 3  4       5       6       7       8       13 on
strangers  0       16 min  32 min  1 h     1 h     1 h     1 h
known      0       8 s     16 s    32 s    64 s    128 s   1 h
=========  ======  ======  ======  ======  ======  ======  =======

A count is forgotten after a day without an attempt. A full sign-in ends its place's count and, from a place that
wasn't known before, the strangers' too: else whose address changes daily would be left out. A right password alone
ends none, or whoever has it could guess codes for ever. So strangers have at most 6 guesses in an hour and 29 in a day;
at a known place it is 12 and 35. NIST SP 800-63B section 5.2.2; 45 CFR 164.308(a)(5)(ii)(C).

Cognito locks an account for 2^(n-5) s from its own fifth failure, whoever asks, until a full sign-in or 15 minutes
without an attempt. Strangers never come so far: before their fifth failure they rest for 16 minutes, counted anew from
each attempt at a known place, too. Unknown accounts lock alike: a lock must not tell who has an account.

Each attempt is reserved as a failure before the provider is asked and given back where it wasn't one: attempts at the
same instant can't pass together. Over all accounts a source's failures are limited as well (``limits``), but not those
at places known to the account, so that one device that sprays passwords doesn't stop everybody behind its address.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Protocol

from phivault.crypto.subject_keys import SubjectKeys
from phivault.errors import AccessDenied, InvalidInput, TooManyRequests, Unavailable
from phivault.identity.limits import Limit, Limits
from phivault.identity.pseudonym import pseudonym
from phivault.identity.source import Source, network_of

FREE_FAILURES = 3
STRANGERS_FIRST_LOCK = 16 * 60  # more than Cognito's 15 minutes, for calls that are on their way
KNOWN_FIRST_LOCK = 8  # with four failures of strangers before it, Cognito locks as long
LONGEST_LOCK_SECONDS = 3600
FORGET_SECONDS = 24 * 3600
KNOWN_SECONDS = 30 * 24 * 3600
STRANGERS = "strangers"
_ROUNDS = 4


@dataclass(frozen=True, slots=True)
class Failures:
    """``count`` in a row, attempts under way among them; ``locked_until`` in Unix seconds, 0 for not locked."""

    count: int = 0
    locked_until: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """What is held against a place: its own failures and all strangers'. ``known`` tells which of them count."""

    known: bool
    own: Failures
    strangers: Failures


class FailureStore(Protocol):
    """Obligations: reads see every earlier write; each write is atomic; what is past its ``expires`` (Unix seconds) is
    absent, and an absent count is ``Failures()``. ``who`` is a place's name or STRANGERS. Unavailable when the store
    doesn't answer."""

    def standing(self, account: str, place: str, at: float) -> Standing: ...

    def swap(self, account: str, who: str, old: Failures, new: Failures, *, at: float, expires: int) -> bool:
        """Keep ``new`` in place of ``old``. False, and nothing changed, where ``old`` isn't what stands."""

    def give_back(self, account: str, who: str) -> None:
        """One failure less, and no lock; where none stand, that is no error."""

    def forget(self, account: str, who: str) -> None:
        """No failures; where none stand, that is no error."""

    def remember(self, account: str, place: str, *, at: float, expires: int) -> bool:
        """Make the place known to the account. Whether it wasn't."""


class Lockout:
    """``now`` answers Unix seconds."""

    def __init__(self, store: FailureStore, limits: Limits, keys: SubjectKeys, now: Callable[[], float]) -> None:
        self._store, self._limits, self._keys, self._now = store, limits, keys, now

    @contextmanager
    def counting(self, account: str, source: Source) -> Iterator[str]:
        """Around one password or code. Raises TooManyRequests while the account is locked to this source; else what
        happens inside counts as a failure, unless it shows that nothing wrong was sent. Gives the name under which the
        attempt counts: one for all strangers, one for each known place."""
        place = self._place(account, source)
        with ExitStack() as given_back:
            who, number = self._reserved(account, place)
            given_back.callback(self._give_back, account, who)
            if who == STRANGERS:
                self._limits.spend(Limit.FAILURES_SOURCE, source.ip)
                given_back.callback(self._limits.refund, Limit.FAILURES_SOURCE, source.ip)
            try:
                yield who
            except TooManyRequests as error:
                if error.retry_after is not None:
                    raise
                # The provider counts what we don't see, such as attempts that bypassed us: only its refusal is known.
                raise _locked(min(1 << min(number - 1, 10), 900)) from None
            except (AccessDenied, InvalidInput, Unavailable):
                raise  # an unanswered guess taught nobody anything; counted, an outage would lock everybody out
            except BaseException:
                given_back.pop_all()
                raise

    def clear(self, account: str, source: Source) -> None:
        """After a full sign-in: the place is known from now on and starts anew."""
        place, now = self._place(account, source), self._now()
        self._store.forget(account, place)
        if self._store.remember(account, place, at=now, expires=math.ceil(now) + KNOWN_SECONDS):
            self._store.forget(account, STRANGERS)

    def _place(self, account: str, source: Source) -> str:
        # Other for each account: the rows don't tell who shares a place.
        return pseudonym(self._keys, "place", account, network_of(source.ip))

    def _reserved(self, account: str, place: str) -> tuple[str, int]:
        """Under whose name the attempt counts, and as which failure."""
        for _ in range(_ROUNDS):
            now = self._now()
            standing = self._store.standing(account, place, now)
            who, before = (place, standing.own) if standing.known else (STRANGERS, standing.strangers)
            if before.locked_until > now:
                raise _locked(math.ceil(before.locked_until - now))
            after = _one_more(before, KNOWN_FIRST_LOCK if standing.known else STRANGERS_FIRST_LOCK, now)
            if self._swapped(account, who, before, after, now):
                if standing.known:
                    self._let_strangers_rest(account, standing.strangers, now)
                return who, after.count
        raise _locked(1)  # so many at once aren't typed

    def _let_strangers_rest(self, account: str, strangers: Failures, now: float) -> None:
        """Cognito's count goes on until nobody asks for 15 minutes: strangers who used theirs up wait from now."""
        rested = math.ceil(now) + STRANGERS_FIRST_LOCK
        if strangers.count > FREE_FAILURES and strangers.locked_until < rested:
            self._swapped(account, STRANGERS, strangers, replace(strangers, locked_until=rested), now)

    def _swapped(self, account: str, who: str, old: Failures, new: Failures, now: float) -> bool:
        return self._store.swap(account, who, old, new, at=now, expires=math.ceil(now) + FORGET_SECONDS)

    def _give_back(self, account: str, who: str) -> None:
        with suppress(Unavailable):  # it stays counted, and a full sign-in ends it
            self._store.give_back(account, who)


def lock_seconds(failures: int, first: int) -> int:
    """How long the lock after the n-th failure in a row is; ``first`` is the first one's length."""
    if failures <= FREE_FAILURES:
        return 0
    # The exponent is bounded first: a count can grow large, 2 to the power of it must not.
    return min(first << min(failures - FREE_FAILURES - 1, 10), LONGEST_LOCK_SECONDS)


def _one_more(before: Failures, first: int, now: float) -> Failures:
    lock = lock_seconds(before.count + 1, first)
    return Failures(before.count + 1, math.ceil(now) + lock if lock else 0)


def _locked(seconds: int) -> TooManyRequests:
    return TooManyRequests("Too many failed attempts", retry_after=max(1, seconds))
