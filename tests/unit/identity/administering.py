"""A tenant with users in the small world, and calls as its administrators make them."""

from __future__ import annotations

import time
import uuid
from dataclasses import replace
from typing import Any

from phivault.access.decide import Decider
from phivault.access.principal import Principal
from phivault.access.roles import Role
from phivault.audit.event import AuditEvent
from phivault.identity import personal
from phivault.identity.challenge import challenge
from phivault.identity.directory import User
from phivault.identity.invitations import Invitation
from phivault.identity.provider import Tokens
from phivault.identity.sign_in import sign_in
from phivault.identity.users.approve_invitation import approve_invitation
from phivault.identity.users.approve_role import approve_role
from phivault.identity.users.call import Call
from phivault.identity.users.change_role import change_role
from phivault.identity.users.invite_user import invite_user
from tests.unit.identity.fakes import HOME, Person, World, authorized

TENANT = "tenant-a"
_decider = Decider()


class Office:
    """``admin`` and ``officer`` may decide about ``clinician`` and whoever else is made."""

    def __init__(self, world: World) -> None:
        self.world, self.identity = world, world.identity
        self.admin = self.user(Role.TENANT_ADMIN)
        self.second = self.user(Role.TENANT_ADMIN)
        self.officer = self.user(Role.SECURITY_OFFICER)
        self.clinician = self.user(Role.CLINICIAN)

    def user(self, role: Role, tenant: str = TENANT, **changed: Any) -> User:
        id = str(uuid.uuid4())
        email = f"{role.value}-{id[:8]}@people.example"
        person = personal.seal(self.world.keys, tenant, personal.user_subject(id), id, HOME, email)
        user = replace(User(id, tenant, role, None, person, created=1_780_000_000), **changed)
        self.identity.directory.add_user(user)
        return user

    def call(self, user: User | None = None, *, age: float = 0) -> Call:
        """By the administrator unless another is named; ``age`` is of their sign-in, in seconds."""
        user = user or self.admin
        who = Principal(
            user_id=user.user_id,
            tenant=user.tenant,
            role=user.role,
            session_id=str(uuid.uuid4()),
            auth_time=int(time.time() - age),
            source_ip=HOME.ip,
            personal=user.person,
            patient_id=user.patient_id,
            mfa=True,
        )
        return Call(self.identity, _decider, who, HOME)

    def now(self, user: User) -> User:
        found = self.identity.directory.user(user.tenant, user.user_id)
        assert found is not None
        return found

    def email(self, user: User) -> str:
        found = personal.unseal_email(self.world.keys, user.tenant, user.person)
        assert found is not None
        return found

    def sign_in(self, user: User) -> dict[str, str]:
        """A full sign-in; the claims that a request then brings."""
        people, email = self.world.provider.people, self.email(user)
        person = people.get(email) or self.world.enrol(
            Person(email, role=user.role.value, tenant=user.tenant, sub=user.user_id)
        )
        challenged = sign_in(self.identity, self.world.credentials(person), HOME)
        answer = challenge(self.identity, self.world.answer(challenged, person.code, email), HOME)
        assert isinstance(answer, Tokens)
        return authorized(answer.access_token)

    def invite(self, body: bytes, by: User | None = None, approver: User | None = None) -> Invitation:
        """One that two people stand behind, where it takes two."""
        asked = invite_user(self.call(by), body)
        if isinstance(asked, Invitation):
            return asked
        return approve_invitation(self.call(approver or self.officer), asked.id)

    def change_role(self, user: User, body: bytes) -> int:
        """By two people; how many sessions were ended."""
        change_role(self.call(), user.user_id, body)
        return approve_role(self.call(self.officer), user.user_id)

    def recorded(self, action: str) -> list[AuditEvent]:
        return [event for event in self.world.events if event.action == action]
