"""Sign-up on a Cognito that checks and on DynamoDB."""

from __future__ import annotations

import secrets
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pyotp
import pytest

from phivault.access.roles import Role
from phivault.adapters.aws import client
from phivault.adapters.cognito_sign_ups import ABANDONED_SECONDS, CognitoSignUps
from phivault.adapters.dynamodb_sign_ups import DynamoSignUps
from phivault.audit.event import Action
from phivault.errors import Conflict, InvalidCredentials, InvalidInput, NotFound, Unavailable
from phivault.identity import codes, invitations
from phivault.identity.accounts import NewAccount
from phivault.identity.challenge import challenge
from phivault.identity.confirm_sign_up import ConfirmSignUp, confirm_sign_up
from phivault.identity.contact import Contact
from phivault.identity.enrol_totp import enrol_totp
from phivault.identity.factors import Factor
from phivault.identity.inputs import Challenge, MfaTotp
from phivault.identity.invitations import Invitation
from phivault.identity.pending_sign_up import PendingSignUp, Place, Step, begin
from phivault.identity.provider import Challenged, ChallengeName, Tokens
from phivault.identity.sign_up import CodeSent, SignUp, sign_up
from tests.contract.identity.conftest import POOL_ID, Stack
from tests.support.bounded import HANGS
from tests.unit.identity.fakes import HOME

PASSWORD = "Ferry7-lantern-quilt"


def _email() -> str:
    return f"new-{secrets.token_hex(6)}@example.test"


def _phone() -> str:
    return f"+1555{secrets.randbelow(10**7):07}"


def _account(email: str, **changed: object) -> NewAccount:
    account = NewAccount("tenant-a", Role.PATIENT, secrets.token_hex(8), Contact(email, _phone()), sms=False)
    return replace(account, **changed)  # type: ignore[arg-type]  # each by its own type


def _user(name: str) -> tuple[str, dict[str, str]]:
    user = client("cognito-idp").admin_get_user(UserPoolId=POOL_ID, Username=name)
    return user["UserStatus"], {one["Name"]: one.get("Value", "") for one in user["UserAttributes"]}


class TestTheWholeWay:
    def test_by_invitation_to_tokens(self, stack: Stack) -> None:
        email, phone = _email(), _phone()
        begun = self._invited(stack, email, phone)
        assert begun.challenge is Step.PHONE_CODE
        asked = self._confirmed(stack, begun, Factor.SOFTWARE_TOKEN_MFA)
        assert asked.challenge is ChallengeName.MFA_SETUP
        enrolment = enrol_totp(stack.identity, MfaTotp(session=asked.session), HOME)
        code = pyotp.TOTP(enrolment.secret).at(int(stack.clock()))
        body = Challenge(challenge=ChallengeName.MFA_SETUP, session=enrolment.session, email=email, code=code)
        tokens = challenge(stack.identity, body, HOME)
        assert isinstance(tokens, Tokens)
        status, attributes = _user(email)
        assert status == "CONFIRMED"
        assert attributes["custom:role"] == "clinician"
        assert (attributes["email_verified"], attributes["phone_number_verified"]) == ("true", "false")
        user = stack.identity.directory.user("tenant-a", attributes["sub"])
        assert user is not None
        assert user.role is Role.CLINICIAN
        assert [event.action for event in stack.log.events][-2:] == [Action.CHALLENGE, Action.TOKEN_ISSUE]

    def test_by_invitation_with_text_messages(self, stack: Stack) -> None:
        email, phone = _email(), _phone()
        asked = self._confirmed(stack, self._invited(stack, email, phone), Factor.SMS_MFA)
        assert asked.challenge is ChallengeName.SMS_MFA
        code = stack.pooled.outbox.messages(phone)[-1]["code"]
        body = Challenge(challenge=ChallengeName.SMS_MFA, session=asked.session, email=email, code=code)
        assert isinstance(challenge(stack.identity, body, HOME), Tokens)

    def _invited(self, stack: Stack, email: str, phone: str) -> CodeSent:
        invitations.invite(stack.identity, "tenant-a", Role.CLINICIAN, None, email, "admin-1")
        token = stack.messenger.emails[-1][1].text.split()[-1]
        return sign_up(stack.identity, SignUp(invitation=token, phone_number=phone), HOME)

    def _confirmed(self, stack: Stack, begun: CodeSent, factor: Factor) -> Challenged:
        code = stack.messenger.texts[-1][1].text[:6]
        answer = confirm_sign_up(
            stack.identity,
            ConfirmSignUp(
                challenge=begun.challenge, session=begun.session, code=code, password=PASSWORD, factor=factor
            ),
            HOME,
        )
        assert isinstance(answer, Challenged)
        return answer


class TestAccounts:
    @pytest.fixture
    def accounts(self, stack: Stack) -> CognitoSignUps:
        return CognitoSignUps(POOL_ID, now=stack.clock)

    def test_exists_when_it_is_finished(self, accounts: CognitoSignUps, stack: Stack) -> None:
        email = _email()
        assert not accounts.exists(email)
        made = accounts.make(_account(email))
        assert not accounts.exists(email)
        accounts.set_password(made, PASSWORD)
        assert accounts.exists(email)
        assert accounts.exists(email.upper())

    def test_cannot_be_signed_in_to_before(self, accounts: CognitoSignUps, stack: Stack) -> None:
        email = _email()
        accounts.make(_account(email))
        for guess in (PASSWORD, "", " "):
            with pytest.raises((InvalidCredentials, Unavailable)):
                stack.provider.initiate(email, guess)

    def test_a_finished_one_stands_in_the_way(self, accounts: CognitoSignUps, stack: Stack) -> None:
        email = _email()
        accounts.set_password(accounts.make(_account(email)), PASSWORD)
        stack.clock.ahead += ABANDONED_SECONDS + 1
        with pytest.raises(Conflict):
            accounts.make(_account(email))

    def test_so_does_one_that_is_being_made(self, accounts: CognitoSignUps) -> None:
        email = _email()
        accounts.make(_account(email))
        with pytest.raises(Conflict):
            accounts.make(_account(email))

    def test_an_abandoned_one_of_the_same_standing_is_taken_up(self, accounts: CognitoSignUps, stack: Stack) -> None:
        email = _email()
        first, second = _account(email), _account(email, sms=True)
        made = accounts.make(first)
        stack.clock.ahead += ABANDONED_SECONDS + 1
        again = accounts.make(second)
        assert again == made
        assert second.patient_id != first.patient_id
        attributes = _user(email)[1]
        assert attributes["custom:patient_id"] == second.patient_id
        assert attributes["phone_number"] == second.contact.phone_number
        assert attributes["phone_number_verified"] == "true"

    @pytest.mark.parametrize("changed", [{"role": Role.TENANT_ADMIN}, {"tenant": "tenant-b"}])
    def test_one_of_another_standing_is_not(
        self, accounts: CognitoSignUps, stack: Stack, changed: dict[str, object]
    ) -> None:
        email = _email()
        accounts.make(_account(email, **changed))
        before = _user(email)
        stack.clock.ahead += ABANDONED_SECONDS + 1
        with pytest.raises(Conflict):
            accounts.make(_account(email))
        assert _user(email) == before

    def test_the_pool_refuses_weak_passwords_too(self, accounts: CognitoSignUps) -> None:
        made = accounts.make(_account(_email()))
        with pytest.raises(InvalidInput) as refused:
            accounts.set_password(made, "weak")
        assert "weak" not in refused.value.detail

    def test_a_pool_that_is_not_there(self) -> None:
        nowhere = CognitoSignUps("us-east-1_Nowhere")
        for call in (lambda: nowhere.exists(_email()), lambda: nowhere.make(_account(_email()))):
            with pytest.raises(Unavailable):
                call()


class TestRows:
    @pytest.fixture
    def rows(self, stack: Stack, table: str) -> DynamoSignUps:
        return DynamoSignUps(table, now=stack.clock)

    def _pending(self, stack: Stack) -> PendingSignUp:
        place = Place("tenant-a", Role.PATIENT, "p-1", "0" * 64)
        return begin(
            stack.identity.keys, Step.EMAIL_CODE, place, Contact(_email(), _phone()), stack.clock(), known=True
        ).pending

    def _invitation(self, stack: Stack, **changed: object) -> Invitation:
        sealed = self._pending(stack).contact
        expires = int(stack.clock()) + 100
        made = Invitation(secrets.token_hex(32), "tenant-a", Role.AUDITOR, None, sealed, "admin-1", expires)
        return replace(made, **changed)  # type: ignore[arg-type]  # each by its own type

    def test_what_is_saved_is_read(self, rows: DynamoSignUps, stack: Stack) -> None:
        pending, invitation = self._pending(stack), self._invitation(stack)
        rows.save_sign_up(pending)
        rows.add_invitation(invitation)
        assert rows.sign_up(pending.id) == pending
        assert rows.invitation(invitation.id) == invitation
        assert rows.sign_up("0" * 64) is None
        assert rows.invitation("0" * 64) is None

    def test_tries_run_out(self, rows: DynamoSignUps, stack: Stack) -> None:
        pending, now = self._pending(stack), int(stack.clock())
        rows.save_sign_up(pending)
        left = [rows.spend_try(pending.id, now) for _ in range(4)]
        assert [one and one.tries for one in left] == [2, 1, 0, None]
        assert rows.spend_try("0" * 64, now) is None
        with pytest.raises(InvalidCredentials):
            rows.renew_code(pending.id, "00", now + 600, now)

    def test_a_renewed_code_keeps_its_tries(self, rows: DynamoSignUps, stack: Stack) -> None:
        pending, now = self._pending(stack), int(stack.clock())
        rows.save_sign_up(pending)
        rows.spend_try(pending.id, now)
        rows.renew_code(pending.id, "00", now + 900, now)
        assert rows.sign_up(pending.id) == replace(pending, code="00", expires=now + 900, tries=2)
        with pytest.raises(InvalidCredentials):
            rows.renew_code("0" * 64, "00", now + 900, now)
        assert rows.sign_up("0" * 64) is None

    def test_what_is_past_its_time_is_absent(self, rows: DynamoSignUps, stack: Stack) -> None:
        pending, invitation = self._pending(stack), self._invitation(stack)
        rows.save_sign_up(pending)
        rows.add_invitation(invitation)
        stack.clock.ahead += codes.LIFE_SECONDS
        now = int(stack.clock())
        assert rows.sign_up(pending.id) is None
        assert rows.spend_try(pending.id, now) is None
        assert rows.invitation(invitation.id) is None
        assert not rows.use_invitation(invitation.id, now)
        with pytest.raises(NotFound):
            rows.withdraw_invitation("tenant-a", invitation.id)
        with pytest.raises(InvalidCredentials):
            rows.renew_code(pending.id, "00", now + 900, now)

    def test_of_many_at_once_three_try_and_one_takes(self, rows: DynamoSignUps, stack: Stack) -> None:
        pending, invitation, now = self._pending(stack), self._invitation(stack), int(stack.clock())
        rows.save_sign_up(pending)
        rows.add_invitation(invitation)
        assert _at_once(lambda: rows.spend_try(pending.id, now) is not None) == {True: 3, False: 5}
        assert _at_once(lambda: rows.take_sign_up(pending.id)) == {True: 1, False: 7}
        assert _at_once(lambda: rows.use_invitation(invitation.id, now)) == {True: 1, False: 7}
        used = rows.invitation(invitation.id)
        assert used is not None
        assert used.used

    def test_an_invitation_is_withdrawn_by_its_tenant_before_its_use(self, rows: DynamoSignUps, stack: Stack) -> None:
        invitation, used = self._invitation(stack), self._invitation(stack, used=True)
        rows.add_invitation(invitation)
        rows.add_invitation(used)
        for tenant, id in (("tenant-b", invitation.id), ("tenant-a", used.id), ("tenant-a", "0" * 64)):
            with pytest.raises(NotFound):
                rows.withdraw_invitation(tenant, id)
        rows.withdraw_invitation("tenant-a", invitation.id)
        assert rows.invitation(invitation.id) is None
        assert not rows.use_invitation(invitation.id, int(stack.clock()))

    def test_a_table_that_is_not_there(self, stack: Stack) -> None:
        nowhere, pending = DynamoSignUps("no-such-table"), self._pending(stack)
        calls: list[Callable[[], object]] = [
            lambda: nowhere.save_sign_up(pending),
            lambda: nowhere.sign_up(pending.id),
            lambda: nowhere.spend_try(pending.id, 0),
            lambda: nowhere.renew_code(pending.id, "00", 0, 0),
            lambda: nowhere.take_sign_up(pending.id),
            lambda: nowhere.use_invitation(pending.id, 0),
            lambda: nowhere.withdraw_invitation("tenant-a", pending.id),
        ]
        for call in calls:
            with pytest.raises(Unavailable):
                call()


def _at_once(act: Callable[[], bool], times: int = 8) -> Counter[bool]:
    gate = threading.Barrier(times, timeout=HANGS)

    def run(_: int) -> bool:
        gate.wait()
        return act()

    with ThreadPoolExecutor(times) as threads:
        return Counter(threads.map(run, range(times)))
