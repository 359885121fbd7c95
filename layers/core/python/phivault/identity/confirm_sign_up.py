"""Sign up, next steps: the code from the mail buys one by text message, and that one the account.

The password comes with the last code, and is in no row of ours. What follows is a sign-in like any other: no tokens
without the second factor.
"""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from phivault.access.principal import Personal
from phivault.audit.event import Action
from phivault.errors import AccessDenied, InvalidCredentials
from phivault.identity import codes, contact, events, inputs, invitations, passwords, personal
from phivault.identity.accounts import NewAccount
from phivault.identity.contact import Contact
from phivault.identity.directory import User
from phivault.identity.factors import Factor
from phivault.identity.pending_sign_up import PendingSignUp, Place, Step, begin, id_of
from phivault.identity.provider import Challenged
from phivault.identity.service import Attempt, Identity
from phivault.identity.sign_in import sign_in
from phivault.identity.sign_up import CodeSent, Token, allow_message, send_code
from phivault.identity.source import Source
from phivault.inputs import Body, rule


class ConfirmSignUp(Body):
    """PHONE_CODE, the last step, takes the new ``password`` and the second ``factor`` too; EMAIL_CODE takes neither."""

    challenge: Step
    session: Token = Field(repr=False)
    code: str = Field(pattern=r"^[0-9]{6}$", repr=False)
    password: inputs.Password | None = Field(default=None, repr=False)
    factor: Factor | None = None

    @model_validator(mode="after")
    def _last_step(self) -> Self:
        given = (self.password is not None, self.factor is not None)
        if given != (self.challenge is Step.PHONE_CODE,) * 2:
            raise rule("takes password and factor with PHONE_CODE, and neither with EMAIL_CODE")
        return self


def confirm_sign_up(identity: Identity, body: ConfirmSignUp, source: Source) -> CodeSent | Challenged:
    """The next code's session, or the challenge that a sign-in with the new password meets.

    Raises InvalidInput for a password that the policy refuses, which costs no try; InvalidCredentials for a wrong code
    or a session that is used, dead or of another step; AccessDenied where the invitation or registration is good no
    more; Conflict where the address got an account meanwhile; TooManyRequests or Unavailable. Each is recorded.
    """
    attempt = Attempt(identity, Action.SIGN_UP_CONFIRM, source, step=body.challenge)
    with attempt.failure_recorded():
        pending = standing(identity, body.challenge, body.session)
        to = contact.unseal(identity.keys, pending.contact)
        attempt.email = to.email
    if body.password is None or body.factor is None:
        return _go_on(identity, attempt, pending, to, body.code)
    _finish(identity, attempt, pending, to, body.code, body.password, body.factor)
    return sign_in(identity, inputs.SignIn(email=to.email, password=body.password), source)


def standing(identity: Identity, step: Step, session: str) -> PendingSignUp:
    """The step of this session. Raises InvalidCredentials."""
    pending = identity.sign_ups.sign_up(id_of(session))
    if pending is None or pending.step is not step:
        raise InvalidCredentials
    return pending


def _go_on(identity: Identity, attempt: Attempt, pending: PendingSignUp, to: Contact, code: str) -> CodeSent:
    with attempt.failure_recorded():
        _answer(identity, pending, code)
        begun = begin(identity.keys, Step.PHONE_CODE, pending.place, to, identity.now())
        allow_message(identity, begun, to, attempt.source)
        _take(identity, pending)
        identity.sign_ups.save_sign_up(begun.pending)
    attempt.record()
    send_code(identity, begun, to, attempt.source)
    return CodeSent(Step.PHONE_CODE, begun.session)


def _finish(
    identity: Identity,
    attempt: Attempt,
    pending: PendingSignUp,
    to: Contact,
    code: str,
    password: str,
    factor: Factor,
) -> None:
    with attempt.failure_recorded():
        passwords.check(password, email=to.email, phone_number=to.phone_number)
        _answer(identity, pending, code)
        _take(identity, pending)
    attempt.record()
    with attempt.failure_recorded():
        _admit(identity, pending.place)
        _make(identity, attempt, pending.place, to, password, factor is Factor.SMS_MFA)


def _answer(identity: Identity, pending: PendingSignUp, code: str) -> None:
    # The try is spent before the code is looked at: guesses at the same instant get no more than three either.
    if identity.sign_ups.spend_try(pending.id, int(identity.now())) is None:
        raise InvalidCredentials
    if not codes.is_right(identity.keys, pending.id, code, pending.code):
        raise InvalidCredentials


def _take(identity: Identity, pending: PendingSignUp) -> None:
    if not identity.sign_ups.take_sign_up(pending.id):
        raise InvalidCredentials


def _admit(identity: Identity, place: Place) -> None:
    """Raises AccessDenied where what let this sign-up begin holds no more. An invitation is used up here."""
    if place.invitation:
        invitations.use(identity, place.invitation)
    elif not identity.rules.rules(place.tenant).self_sign_up:
        raise AccessDenied("Nobody signs up by themselves with this registration")


def _make(identity: Identity, attempt: Attempt, place: Place, to: Contact, password: str, sms: bool) -> None:
    """The account, signable-in by its last line alone: whatever breaks before leaves an unfinished one, which the next
    sign-up of the address takes up."""
    user_id = identity.accounts.make(NewAccount(place.tenant, place.role, place.patient_id, to, sms))
    attempt.user_id, subject = user_id, personal.user_subject(user_id)
    person = personal.seal(identity.keys, place.tenant, subject, user_id, attempt.source, to.email)
    _record_account(identity, attempt, place, person)
    before = identity.directory.user(place.tenant, user_id)
    if before is None:
        created = int(identity.now())
        user = User(user_id, place.tenant, place.role, place.patient_id, person, created)
        identity.directory.add_user(user)
    elif before.patient_id != place.patient_id:
        identity.directory.change_role(place.tenant, user_id, place.role, place.patient_id)
    identity.factors.phone_was_verified(user_id)
    identity.accounts.set_password(user_id, password)


def _record_account(identity: Identity, attempt: Attempt, place: Place, person: Personal) -> None:
    """In the tenant's own log: who the account is, in which role, for which patient, and by whose invitation. All that
    stands before it is nobody's tenant's, since nobody was known."""
    about = ("Invitation", place.invitation) if place.invitation else ("User", attempt.user_id)
    event = events.of_user(
        identity.trace(attempt.action, attempt.source),
        place.tenant,
        attempt.user_id,
        person,
        role=place.role.value,
        patient=place.patient_id or "",
        resource=about[0],
        resource_id=about[1],
    )
    identity.recorder.append([event])
