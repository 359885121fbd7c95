"""Fakes of factors that keep the ports' contracts, beside ``fakes.FakeProvider``, whose people they are."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pyotp

from phivault.errors import InvalidCredentials, Unavailable
from phivault.identity.factors import EnrolmentUnderWay, Factor, Factors
from phivault.identity.pre_token import SELF_SERVICE_SCOPE
from phivault.identity.provider import ChallengeName, Tokens

if TYPE_CHECKING:
    from tests.unit.identity.fakes import FakeProvider, Person


class MemoryFactors:
    """FactorStore and EnrolmentStore. ``down`` refuses before anything is read or kept."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.rows: dict[str, Factors] = {}
        self.grants: dict[str, tuple[str, int]] = {}
        self.under_way: dict[str, tuple[EnrolmentUnderWay, int, int]] = {}
        self.down = False

    def factors(self, user_id: str) -> Factors:
        self._check()
        return self.rows.get(user_id, Factors())

    def phone_was_verified(self, user_id: str) -> None:
        self._change(user_id, phone_verified=True)

    def enrolled(self, user_id: str) -> None:
        self._change(user_id, enrolled=True, enrolment="", enrolment_until=0)

    def allow_enrolment(self, user_id: str, session_hash: str, until: int) -> None:
        self._change(user_id, enrolment=session_hash, enrolment_until=until)

    def move_enrolment(self, user_id: str, before: str, after: str) -> bool:
        row = self.factors(user_id)
        if row.enrolment != before or row.enrolment_until <= self._now():
            return False
        self._change(user_id, enrolment=after)
        return True

    def factors_lost(self, user_id: str, *, codes: bool) -> None:
        self._change(user_id, phone_verified=False)
        if codes:
            self._change(user_id, recovery_codes=frozenset())

    def replace_recovery_codes(self, user_id: str, hashes: Collection[str]) -> None:
        self._change(user_id, recovery_codes=frozenset(hashes))

    def take_recovery_code(self, user_id: str, code_hash: str) -> bool:
        codes = self.factors(user_id).recovery_codes
        self._change(user_id, recovery_codes=codes - {code_hash})
        return code_hash in codes

    def grant(self, nonce_hash: str, user_id: str, expires: int) -> None:
        self._check()
        self.grants[nonce_hash] = user_id, expires

    def granted(self, nonce_hash: str) -> str:
        self._check()
        user_id, expires = self.grants.get(nonce_hash, ("", 0))
        return user_id if expires > self._now() else ""

    def revoke(self, nonce_hash: str) -> None:
        self._check()
        self.grants.pop(nonce_hash, None)

    def begin(self, user_id: str, under_way: EnrolmentUnderWay, expires: int) -> None:
        self._check()
        self.under_way[user_id] = under_way, 0, expires

    def attempt(self, user_id: str, session_id: str, tries: int) -> EnrolmentUnderWay | None:
        self._check()
        under_way, spent, expires = self.under_way.get(user_id, (None, 0, 0))
        if under_way is None or under_way.session_id != session_id or spent >= tries or expires <= self._now():
            return None
        self.under_way[user_id] = under_way, spent + 1, expires
        return under_way

    def finish(self, user_id: str) -> None:
        self._check()
        self.under_way.pop(user_id, None)

    def _change(self, user_id: str, **changes: Any) -> None:
        self.rows[user_id] = replace(self.factors(user_id), **changes)

    def _check(self) -> None:
        if self.down:
            raise Unavailable("The table is down")


class FakeFactorProvider:
    """FactorProvider over a FakeProvider's people: each has the factor of its challenge. A refresh with a nonce that
    ``granted`` knows keeps the scope, as the trigger would have it; ``associate`` and ``verify`` demand it."""

    def __init__(self, provider: FakeProvider, granted: Callable[[str], str], now: Callable[[], float]) -> None:
        self._provider, self._granted, self._now = provider, granted, now
        self.apps: dict[str, pyotp.TOTP] = {}
        self.begun: dict[str, pyotp.TOTP] = {}
        self.used: set[tuple[str, str]] = set()
        self.enabled: dict[str, set[str]] = {}
        self.phones: set[str] = set()
        self.down = False

    def factors(self, user_id: str) -> tuple[frozenset[str], str]:
        self._check()
        challenge = self._person(user_id).challenge
        preferred = challenge.value if challenge.value in set(Factor) else ""
        return frozenset(self.enabled.get(user_id, set()) | ({preferred} - {""})), preferred

    def prefer(self, user_id: str, factor: Factor) -> None:
        names, _ = self.factors(user_id)
        self.enabled[user_id] = {*names, factor}
        self._person(user_id).challenge = ChallengeName(factor)

    def turn_on_sms(self, user_id: str) -> None:
        names, _ = self.factors(user_id)
        self.enabled[user_id] = {*names, Factor.SMS_MFA}
        self.phones.add(user_id)

    def remove_all(self, user_id: str) -> None:
        self._check()
        self.enabled.pop(user_id, None)
        self.phones.discard(user_id)
        self._person(user_id).challenge = ChallengeName.MFA_SETUP

    def refresh_for_enrolment(self, refresh_token: str, nonce: str) -> Tokens:
        self._check()
        tokens = self._provider.refresh(refresh_token)
        claims = _claims(tokens.access_token)
        if self._granted(hashlib.sha256(nonce.encode()).hexdigest()) != claims["sub"]:
            return tokens
        return replace(tokens, access_token=_unsigned(claims | {"scope": SELF_SERVICE_SCOPE}))

    def associate(self, access_token: str) -> str:
        user_id = self._scoped(access_token)
        self.begun[user_id] = pyotp.TOTP(pyotp.random_base32())
        return self.begun[user_id].secret

    def verify(self, access_token: str, code: str) -> None:
        user_id = self._scoped(access_token)
        app = self.begun.get(user_id)
        if app is None or not app.verify(code, for_time=int(self._now())) or (app.secret, code) in self.used:
            raise InvalidCredentials
        self.used.add((app.secret, code))
        self.apps[user_id] = self.begun.pop(user_id)
        self.enabled.setdefault(user_id, set()).add(Factor.SOFTWARE_TOKEN_MFA)

    def _scoped(self, access_token: str) -> str:
        self._check()
        claims = _claims(access_token)
        if SELF_SERVICE_SCOPE not in claims["scope"].split():
            raise InvalidCredentials
        return str(claims["sub"])

    def _person(self, user_id: str) -> Person:
        return next(person for person in self._provider.people.values() if person.sub == user_id)

    def _check(self) -> None:
        if self.down:
            raise Unavailable("The provider is down")


def _claims(access_token: str) -> dict[str, Any]:
    payload = access_token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims


def _unsigned(claims: dict[str, Any]) -> str:
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"e30.{payload}.{os.urandom(16).hex()}"
