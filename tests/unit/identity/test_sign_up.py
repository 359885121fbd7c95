"""Sign-up: what is answered, sent, kept and recorded, step by step."""

from __future__ import annotations

from dataclasses import replace

import pytest

from phivault.access.roles import Role
from phivault.audit.event import Action, RiskLevel
from phivault.errors import (
    AccessDenied,
    Conflict,
    InvalidCredentials,
    InvalidInput,
    NotFound,
    TooManyRequests,
    Unavailable,
)
from phivault.identity import contact, invitations
from phivault.identity.claims import PATIENT_ID
from phivault.identity.confirm_sign_up import ConfirmSignUp, confirm_sign_up
from phivault.identity.directory import Status
from phivault.identity.messages import Purpose
from phivault.identity.pending_sign_up import Step, id_of
from phivault.identity.provider import Challenged, ChallengeName
from phivault.identity.resend_code import ResendCode, resend_code
from phivault.identity.sign_up import CodeSent, SignUp, sign_up
from phivault.inputs import read
from tests.unit.identity.fakes import ELSEWHERE, HOME, Person, World
from tests.unit.identity.sign_ups import EMAIL, PASSWORD, PHONE, Candidate


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def candidate(world: World) -> Candidate:
    return Candidate(world)


class TestByRegistration:
    def test_the_whole_way(self, world: World, candidate: Candidate) -> None:
        first = candidate.begin()
        assert (first.challenge, first.expires_in) == (Step.EMAIL_CODE, 600)
        assert world.messenger.texts == []
        second = candidate.answer_email(first)
        assert isinstance(second, CodeSent)
        assert second.challenge is Step.PHONE_CODE
        third = candidate.answer_phone(second)
        assert isinstance(third, Challenged)
        assert third.challenge is ChallengeName.MFA_SETUP
        assert [event.action for event in world.events] == [
            Action.SIGN_UP,
            Action.CODE_SEND,
            Action.SIGN_UP_CONFIRM,
            Action.CODE_SEND,
            Action.SIGN_UP_CONFIRM,
            Action.SIGN_UP_CONFIRM,
            Action.SIGN_IN,
        ]
        assert all(event.success for event in world.events)
        assert [event.resource_id for event in world.events][1:4] == ["email-code", "EMAIL_CODE", "phone-code"]

    def test_the_account_is_a_patient_that_stands_for_nobody(self, world: World, candidate: Candidate) -> None:
        candidate.whole_way()
        (account,) = world.accounts.made
        assert (account.tenant, account.role, account.sms) == ("tenant-a", Role.PATIENT, False)
        assert account.patient_id is not None
        assert PATIENT_ID.fullmatch(account.patient_id)
        user_id = world.provider.people[EMAIL].sub
        user = world.directory.user("tenant-a", user_id)
        assert user is not None
        assert (user.role, user.status, user.patient_id) == (Role.PATIENT, Status.ACTIVE, account.patient_id)
        assert user.person.subject == f"User/{user_id}"
        assert world.factors.factors(user_id).phone_verified

    def test_each_has_a_patient_id_of_their_own(self, world: World, candidate: Candidate) -> None:
        candidate.whole_way()
        Candidate(world, email="another@example.test", phone="+15550100002").whole_way()
        assert len({account.patient_id for account in world.accounts.made}) == 2

    def test_by_text_message(self, candidate: Candidate, world: World) -> None:
        second = candidate.answer_email(candidate.begin())
        third = candidate.answer_phone(second, factor="SMS_MFA")
        assert isinstance(third, Challenged)
        assert third.challenge is ChallengeName.SMS_MFA
        assert world.accounts.made[0].sms

    def test_nothing_in_clear_waits_in_the_row(self, world: World, candidate: Candidate) -> None:
        second = candidate.answer_email(candidate.begin())
        (row,) = world.sign_ups.rows.values()
        kept = repr(replace(row, contact=row.contact)) + repr(row.contact.sealed) + row.code
        for secret in (EMAIL, PHONE, second.session, candidate.texted(), candidate.mailed()):
            assert secret not in kept
        assert contact.unseal(world.keys, row.contact).email == EMAIL

    def test_a_registration_that_is_not_open(self, world: World, candidate: Candidate) -> None:
        body = SignUp(registration="x" * 22, email=EMAIL, phone_number=PHONE)
        with pytest.raises(AccessDenied):
            sign_up(world.identity, body, HOME)
        candidate.close_registration()
        with pytest.raises(AccessDenied):
            candidate.begin()
        assert [event.error for event in world.events] == ["denied", "denied"]
        assert world.messenger.emails == []
        assert world.accounts.looks == []

    def test_a_registration_closed_on_the_way(self, world: World, candidate: Candidate) -> None:
        second = candidate.answer_email(candidate.begin())
        candidate.close_registration()
        with pytest.raises(AccessDenied):
            candidate.answer_phone(second)
        assert world.accounts.made == []
        assert [event.error for event in world.events[-2:]] == ["", "denied"]


class TestByInvitation:
    def test_the_whole_way(self, world: World, candidate: Candidate) -> None:
        first = candidate.begin_invited(Role.CLINICIAN)
        assert first.challenge is Step.PHONE_CODE
        candidate.answer_phone(first)
        (account,) = world.accounts.made
        assert (account.tenant, account.role, account.patient_id) == ("tenant-b", Role.CLINICIAN, None)
        assert account.contact.email == EMAIL

    def test_the_first_administrator_of_a_tenant_can_be_invited(self, world: World, candidate: Candidate) -> None:
        candidate.answer_phone(candidate.begin_invited(Role.TENANT_ADMIN))
        assert world.accounts.made[0].role is Role.TENANT_ADMIN

    def test_a_patient_keeps_whom_they_stand_for(self, world: World, candidate: Candidate) -> None:
        candidate.answer_phone(candidate.begin_invited(Role.PATIENT, "p-17"))
        assert world.accounts.made[0].patient_id == "p-17"

    def test_a_patient_of_nobody_gets_an_id(self, world: World) -> None:
        invitation = invitations.invite(world.identity, "tenant-b", Role.PATIENT, None, EMAIL, "admin-1")
        assert invitation.patient_id is not None
        clinician = invitations.invite(world.identity, "tenant-b", Role.CLINICIAN, "p-17", EMAIL, "admin-1")
        assert clinician.patient_id is None

    def test_the_token_is_mailed_and_kept_nowhere(self, world: World, candidate: Candidate) -> None:
        heard: list[str] = []
        invitation = invitations.invite(
            world.identity, "tenant-b", Role.AUDITOR, None, EMAIL, "admin-1", record=heard.append
        )
        token = candidate.invitation()
        assert heard == [invitation.id] == [invitations.id_of(token)]
        assert token not in repr(world.sign_ups.invitations)
        assert EMAIL not in repr(world.sign_ups.invitations)

    def test_one_that_is_refused_a_record_is_neither_kept_nor_sent(self, world: World) -> None:
        def refuse(id: str) -> None:
            raise Unavailable("The bucket is down")

        with pytest.raises(Unavailable):
            invitations.invite(world.identity, "tenant-b", Role.AUDITOR, None, EMAIL, "admin-1", record=refuse)
        assert world.sign_ups.invitations == {}
        assert world.messenger.emails == []

    def test_one_that_cannot_be_sent_is_withdrawn(self, world: World, candidate: Candidate) -> None:
        world.messenger.lost_answer = True
        with pytest.raises(Unavailable):
            invitations.invite(world.identity, "tenant-b", Role.AUDITOR, None, EMAIL, "admin-1")
        world.messenger.lost_answer = False
        with pytest.raises(AccessDenied):
            sign_up(world.identity, SignUp(invitation=candidate.invitation(), phone_number=PHONE), HOME)

    def test_it_is_good_once(self, world: World, candidate: Candidate) -> None:
        candidate.answer_phone(candidate.begin_invited())
        with pytest.raises(AccessDenied):
            sign_up(world.identity, SignUp(invitation=candidate.invitation(), phone_number=PHONE), HOME)

    def test_for_three_days(self, world: World, candidate: Candidate) -> None:
        first = candidate.begin_invited()
        assert first.challenge is Step.PHONE_CODE
        world.clock.time += invitations.LIFE_SECONDS
        with pytest.raises(AccessDenied):
            sign_up(world.identity, SignUp(invitation=candidate.invitation(), phone_number=PHONE), HOME)

    def test_until_it_is_withdrawn(self, world: World, candidate: Candidate) -> None:
        first = candidate.begin_invited()
        (id,) = world.sign_ups.invitations
        with pytest.raises(NotFound):
            invitations.withdraw(world.identity, "tenant-a", id)
        invitations.withdraw(world.identity, "tenant-b", id)
        with pytest.raises(AccessDenied):
            candidate.answer_phone(first)
        assert world.accounts.made == []


class TestCodes:
    def test_a_wrong_one_is_recorded_and_costs_a_try(self, world: World, candidate: Candidate) -> None:
        first = candidate.begin()
        with pytest.raises(InvalidCredentials):
            candidate.answer_email(first, candidate.another(candidate.mailed()))
        assert (world.events[-1].action, world.events[-1].error) == (Action.SIGN_UP_CONFIRM, "invalid-credentials")
        assert world.opened(world.events[-1])["user_email"] == EMAIL
        assert isinstance(candidate.answer_email(first), CodeSent)

    def test_it_is_good_for_ten_minutes(self, world: World, candidate: Candidate) -> None:
        first = candidate.begin()
        world.clock.time += 600
        with pytest.raises(InvalidCredentials):
            candidate.answer_email(first)

    def test_a_session_is_of_one_step(self, candidate: Candidate) -> None:
        first = candidate.begin()
        with pytest.raises(InvalidCredentials):
            candidate.answer_phone(replace(first, challenge=Step.PHONE_CODE), code=candidate.mailed())
        second = candidate.answer_email(first)
        with pytest.raises(InvalidCredentials):
            candidate.answer_email(replace(second, challenge=Step.EMAIL_CODE), candidate.texted())

    def test_a_refused_password_costs_no_try(self, world: World, candidate: Candidate) -> None:
        second = candidate.answer_email(candidate.begin())
        for _ in range(5):
            with pytest.raises(InvalidInput, match="password"):
                candidate.answer_phone(second, password="Password1234!")
        assert isinstance(candidate.answer_phone(second), Challenged)
        assert [event.error for event in world.events].count("invalid") == 5

    def test_an_unknown_session(self, world: World, candidate: Candidate) -> None:
        body = ConfirmSignUp(challenge=Step.EMAIL_CODE, session="x" * 43, code="123456")
        with pytest.raises(InvalidCredentials):
            confirm_sign_up(world.identity, body, HOME)
        with pytest.raises(InvalidCredentials):
            resend_code(world.identity, ResendCode(challenge=Step.EMAIL_CODE, session="x" * 43), HOME)
        assert len(world.events) == 2


class TestResending:
    def test_another_code_in_the_same_session(self, world: World, candidate: Candidate) -> None:
        first = candidate.begin()
        before = candidate.mailed()
        world.clock.time += 300
        again = candidate.resend(first)
        assert again == first
        after = candidate.mailed()
        assert len(world.messenger.emails) == 2
        world.clock.time += 599
        if after != before:
            with pytest.raises(InvalidCredentials):
                candidate.answer_email(first, before)
        assert isinstance(candidate.answer_email(first, after), CodeSent)

    def test_tries_do_not_come_back(self, world: World, candidate: Candidate) -> None:
        first = candidate.begin()
        for _ in range(2):
            with pytest.raises(InvalidCredentials):
                candidate.answer_email(first, candidate.another(candidate.mailed()))
        candidate.resend(first)
        with pytest.raises(InvalidCredentials):
            candidate.answer_email(first, candidate.another(candidate.mailed()))
        with pytest.raises(InvalidCredentials):
            candidate.answer_email(first)
        sent = len(world.messenger.emails)
        with pytest.raises(InvalidCredentials):
            candidate.resend(first)
        assert len(world.messenger.emails) == sent

    def test_by_text_message(self, world: World, candidate: Candidate) -> None:
        second = candidate.answer_email(candidate.begin())
        candidate.resend(second)
        assert [to for to, _ in world.messenger.texts] == [PHONE, PHONE]
        assert isinstance(candidate.answer_phone(second), Challenged)

    def test_three_times(self, world: World, candidate: Candidate) -> None:
        first = candidate.begin()
        for _ in range(3):
            candidate.resend(first)
        with pytest.raises(TooManyRequests):
            candidate.resend(first)
        assert len(world.messenger.emails) == 4

    def test_to_a_known_address_the_notice_again(self, world: World, candidate: Candidate) -> None:
        world.enrol(Person(EMAIL))
        candidate.resend(candidate.begin())
        assert [message.purpose for _, message in world.messenger.emails] == [Purpose.ALREADY_REGISTERED] * 2


class TestWhatBreaks:
    def test_nothing_leaves_unrecorded(self, world: World, candidate: Candidate) -> None:
        candidate.open_registration()
        world.events_store.down = True
        with pytest.raises(Unavailable):
            candidate.begin()
        assert world.messenger.emails == []

    def test_no_account_is_made_unrecorded(self, world: World, candidate: Candidate) -> None:
        second = candidate.answer_email(candidate.begin())
        world.events_store.down = True
        with pytest.raises(Unavailable):
            candidate.answer_phone(second)
        assert world.accounts.made == []
        assert world.accounts.unfinished == {}

    def test_a_message_that_fails_is_recorded_twice(self, world: World, candidate: Candidate) -> None:
        world.messenger.down = True
        with pytest.raises(Unavailable):
            candidate.begin()
        assert [(e.action, e.success) for e in world.events[-2:]] == [
            (Action.CODE_SEND, True),
            (Action.CODE_SEND, False),
        ]

    def test_an_unfinished_account_is_taken_up(self, world: World, candidate: Candidate) -> None:
        second = candidate.answer_email(candidate.begin())
        world.accounts.breaks = True
        with pytest.raises(Unavailable):
            candidate.answer_phone(second)
        assert [(event.error, event.risk) for event in world.events[-2:]] == [
            ("", RiskLevel.MEDIUM),
            ("unavailable", RiskLevel.MEDIUM),
        ]
        world.accounts.breaks = False
        candidate.whole_way()
        user = world.directory.user("tenant-a", world.provider.people[EMAIL].sub)
        assert user is not None
        assert user.patient_id == world.accounts.made[0].patient_id

    def test_the_address_got_an_account_meanwhile(self, world: World, candidate: Candidate) -> None:
        second = candidate.answer_email(candidate.begin())
        owner = world.enrol(Person(EMAIL))
        with pytest.raises(Conflict):
            candidate.answer_phone(second)
        assert world.provider.people[EMAIL] is owner
        assert world.events[-1].error == "conflict"

    def test_a_store_that_is_down(self, world: World, candidate: Candidate) -> None:
        first = candidate.begin()
        world.sign_ups.down = True
        for act in (candidate.begin, lambda: candidate.answer_email(first), lambda: candidate.resend(first)):
            with pytest.raises(Unavailable):
                act()
        assert len(world.messenger.emails) == 1


@pytest.mark.parametrize(
    "body",
    [
        b'{"phone_number": "+15550100001"}',
        b'{"phone_number": "+15550100001", "email": "a@b.example"}',
        b'{"phone_number": "+15550100001", "registration": "aaaaaaaaaaaaaaaaaaaaaa"}',
        b'{"phone_number": "15550100001", "registration": "aaaaaaaaaaaaaaaaaaaaaa", "email": "a@b.example"}',
        b'{"phone_number": "+0550100001", "registration": "aaaaaaaaaaaaaaaaaaaaaa", "email": "a@b.example"}',
        b'{"phone_number": "+15550100001\\n", "registration": "aaaaaaaaaaaaaaaaaaaaaa", "email": "a@b.example"}',
        b'{"phone_number": "+15550100001", "registration": "aaaaaaaaaaaaaaaaaaaaaa", "email": "a@b.example", '
        b'"role": "tenant_admin"}',
        b'{"phone_number": "+15550100001", "registration": "aaaaaaaaaaaaaaaaaaaaaa", "email": "a@b.example", '
        b'"invitation": "' + b"x" * 43 + b'"}',
    ],
)
def test_bodies_that_are_refused(body: bytes) -> None:
    with pytest.raises(InvalidInput) as refused:
        read(SignUp, body)
    assert "a@b" not in refused.value.detail
    assert "tenant_admin" not in refused.value.detail


@pytest.mark.parametrize(
    "changed",
    [
        {"challenge": "PHONE_CODE"},
        {"challenge": "PHONE_CODE", "password": PASSWORD},
        {"challenge": "PHONE_CODE", "factor": "SMS_MFA"},
        {"challenge": "PHONE_CODE", "password": PASSWORD, "factor": "MFA_SETUP"},
        {"challenge": "EMAIL_CODE", "password": PASSWORD},
        {"challenge": "EMAIL_CODE", "password": PASSWORD, "factor": "SMS_MFA"},
        {"challenge": "EMAIL_CODE", "code": "12345"},
        {"challenge": "EMAIL_CODE", "code": "１２３４５６"},
        {"challenge": "MFA_SETUP"},
        {"challenge": "EMAIL_CODE", "session": "x" * 42},
    ],
)
def test_answers_that_are_refused(changed: dict[str, str]) -> None:
    import json

    with pytest.raises(InvalidInput) as refused:
        read(ConfirmSignUp, json.dumps({"session": "x" * 43, "code": "123456"} | changed).encode())
    assert PASSWORD not in refused.value.detail


def test_a_sign_up_from_elsewhere_may_go_on(world: World, candidate: Candidate) -> None:
    first = candidate.begin()
    body = ConfirmSignUp(challenge=Step.EMAIL_CODE, session=first.session, code=candidate.mailed())
    assert isinstance(confirm_sign_up(world.identity, body, ELSEWHERE), CodeSent)
    assert id_of(first.session) not in world.sign_ups.rows
