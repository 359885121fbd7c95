"""Fakes of what sign-ups need; they keep the ports' contracts."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable
from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING

from phivault.errors import Conflict, InvalidCredentials, NotFound, Unavailable
from phivault.identity.accounts import NewAccount
from phivault.identity.invitations import Invitation
from phivault.identity.pending_sign_up import PendingSignUp
from phivault.identity.provider import ChallengeName

if TYPE_CHECKING:
    from tests.unit.identity.fakes import FakeProvider


class MemorySignUps:
    """SignUpStore and InvitationStore."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.rows: dict[str, PendingSignUp] = {}
        self.invitations: dict[str, Invitation] = {}
        self.down = False
        self._lock = Lock()

    def save_sign_up(self, pending: PendingSignUp) -> None:
        self._check()
        self.rows[pending.id] = pending

    def sign_up(self, id: str) -> PendingSignUp | None:
        self._check()
        row = self.rows.get(id)
        return row if row and row.expires > self._now() else None

    def spend_try(self, id: str, now: int) -> PendingSignUp | None:
        with self._lock:
            row = self.sign_up(id)
            if row is None or row.tries < 1:
                return None
            self.rows[id] = replace(row, tries=row.tries - 1)
            return self.rows[id]

    def renew_code(self, id: str, code: str, expires: int, now: int) -> None:
        row = self.sign_up(id)
        if row is None or row.tries < 1:
            raise InvalidCredentials
        self.rows[id] = replace(row, code=code, expires=expires)

    def take_sign_up(self, id: str) -> bool:
        self._check()
        return self.rows.pop(id, None) is not None

    def add_invitation(self, invitation: Invitation) -> None:
        self._check()
        self.invitations[invitation.id] = invitation

    def invitation(self, id: str) -> Invitation | None:
        self._check()
        found = self.invitations.get(id)
        return found if found and found.expires > self._now() else None

    def use_invitation(self, id: str, now: int) -> bool:
        with self._lock:
            found = self.invitation(id)
            if found is None or found.used:
                return False
            self.invitations[id] = replace(found, used=True)
            return True

    def withdraw_invitation(self, tenant: str, id: str) -> None:
        found = self.invitation(id)
        if found is None or found.used or found.tenant != tenant:
            raise NotFound
        del self.invitations[id]

    def _check(self) -> None:
        if self.down:
            raise Unavailable("The table is down")


class FakeAccounts:
    """Accounts, made in the fake provider. ``down`` refuses before anything is made, ``breaks`` after the account was
    and before it has a password. ``looks`` are the addresses that were looked for."""

    def __init__(self, provider: FakeProvider) -> None:
        self._provider = provider
        self.unfinished: dict[str, tuple[str, NewAccount]] = {}
        self.made: list[NewAccount] = []
        self.looks: list[str] = []
        self.down = self.breaks = False

    def exists(self, email: str) -> bool:
        self._check()
        self.looks.append(email)
        return email in self._provider.people

    def make(self, account: NewAccount) -> str:
        self._check()
        email = account.contact.email
        if email in self._provider.people:
            raise Conflict
        user_id, before = self.unfinished.get(email, (str(uuid.uuid4()), account))
        if (before.tenant, before.role) != (account.tenant, account.role):
            raise Conflict
        self.unfinished[email] = user_id, account
        return user_id

    def set_password(self, user_id: str, password: str) -> None:
        from tests.unit.identity.fakes import Person

        if self.breaks:
            raise Unavailable("The provider went away")
        email, account = next((email, one) for email, (id, one) in self.unfinished.items() if id == user_id)
        challenge = ChallengeName.SMS_MFA if account.sms else ChallengeName.MFA_SETUP
        extra = {"patient_id": account.patient_id} if account.patient_id else {}
        person = Person(email, account.role, account.tenant, password, secrets.token_hex(3), user_id, challenge, extra)
        self._provider.people[email] = person
        del self.unfinished[email]
        self.made.append(account)

    def _check(self) -> None:
        if self.down:
            raise Unavailable("The provider is down")
