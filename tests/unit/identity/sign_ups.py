"""Somebody who signs up, in the small world."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field, replace

from phivault.access.roles import Role
from phivault.identity import invitations
from phivault.identity.confirm_sign_up import ConfirmSignUp, confirm_sign_up
from phivault.identity.factors import Factor
from phivault.identity.pending_sign_up import Step
from phivault.identity.provider import Challenged
from phivault.identity.resend_code import ResendCode, resend_code
from phivault.identity.sign_up import CodeSent, SignUp, sign_up
from phivault.identity.source import Source
from phivault.identity.tenant_rules import TenantRules
from tests.unit.identity.fakes import HOME, World

EMAIL, PHONE, PASSWORD = "jane@example.test", "+15550100001", "Ferry7-lantern-quilt"
REGISTRATION = "registration-of-tenant-a"


@dataclass
class Candidate:
    world: World
    email: str = EMAIL
    phone: str = PHONE
    source: Source = HOME
    slept: list[float] = field(default_factory=list)

    def open_registration(self, tenant: str = "tenant-a") -> None:
        rules = self.world.rules.rules(tenant)
        if not rules.self_sign_up:
            opened = TenantRules(self_sign_up=True, registration=REGISTRATION, version=rules.version + 1)
            self.world.rules.replace_rules(tenant, opened)

    def close_registration(self, tenant: str = "tenant-a") -> None:
        self.open_registration(tenant)
        rules = self.world.rules.rules(tenant)
        self.world.rules.replace_rules(tenant, replace(rules, self_sign_up=False, version=rules.version + 1))

    def begin(self) -> CodeSent:
        if not self.world.rules.rules("tenant-a").version:
            self.open_registration()
        body = SignUp(registration=REGISTRATION, email=self.email, phone_number=self.phone)
        return sign_up(self.world.identity, body, self.source, sleep=self.slept.append)

    def begin_invited(self, role: Role = Role.CLINICIAN, patient_id: str | None = None) -> CodeSent:
        invitations.invite(self.world.identity, "tenant-b", role, patient_id, self.email, "admin-1")
        body = SignUp(invitation=self.invitation(), phone_number=self.phone)
        return sign_up(self.world.identity, body, self.source, sleep=self.slept.append)

    def answer_email(self, begun: CodeSent, code: str | None = None) -> CodeSent:
        body = ConfirmSignUp(challenge=Step.EMAIL_CODE, session=begun.session, code=code or self.mailed())
        answer = confirm_sign_up(self.world.identity, body, self.source)
        assert isinstance(answer, CodeSent)
        return answer

    def answer_phone(
        self,
        begun: CodeSent,
        *,
        code: str | None = None,
        password: str = PASSWORD,
        factor: str = Factor.SOFTWARE_TOKEN_MFA,
    ) -> Challenged:
        body = ConfirmSignUp(
            challenge=Step.PHONE_CODE,
            session=begun.session,
            code=code or self.texted(),
            password=password,
            factor=Factor(factor),
        )
        answer = confirm_sign_up(self.world.identity, body, self.source)
        assert isinstance(answer, Challenged)
        return answer

    def whole_way(self) -> Challenged:
        return self.answer_phone(self.answer_email(self.begin()))

    def resend(self, begun: CodeSent) -> CodeSent:
        body = ResendCode(challenge=begun.challenge, session=begun.session)
        return resend_code(self.world.identity, body, self.source)

    def mailed(self) -> str:
        """The newest code that was sent to the address."""
        return _code([message.text for to, message in self.world.messenger.emails if to == self.email])

    def texted(self) -> str:
        return _code([message.text for to, message in self.world.messenger.texts if to == self.phone])

    def invitation(self) -> str:
        found = [m.text for to, m in self.world.messenger.emails if to == self.email and m.purpose == "invitation"]
        return found[-1].split()[-1]

    @staticmethod
    def another(code: str) -> str:
        """Six digits that aren't these."""
        return f"{(int(code) + 1 + secrets.randbelow(999_998)) % 10**6:06}"


def _code(texts: list[str]) -> str:
    found = [match[0] for text in texts if (match := re.match(r"[0-9]{6}", text))]
    return found[-1]
