"""What signed-in users do to their own factors: recorded before it is done, and once more where it then fails."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from phivault.audit.event import Action
from phivault.errors import PhivaultError, Unauthenticated
from phivault.identity import events, personal
from phivault.identity.messages import Purpose, notice
from phivault.identity.users.call import Call

CHANGE = "me:mfa-change"


@dataclass(frozen=True, slots=True)
class FactorDeed:
    """``factor`` is a name of ours for what it is about."""

    call: Call
    action: Action
    factor: str = ""

    @contextmanager
    def failure_recorded(self) -> Iterator[None]:
        """Record a refusal or breakdown inside before it goes on to the caller."""
        try:
            yield
        except PhivaultError as error:
            self.record(error)
            raise

    def record(self, error: PhivaultError | None = None) -> None:
        """Raises Unavailable where the event can't be kept: then nothing may be done or answered."""
        call = self.call
        trace = call.identity.trace(self.action, call.source, error=error)
        about = {"resource": "Factor", "resource_id": self.factor}
        call.identity.recorder.append([events.of_principal(trace, call.principal, **about)])

    def require(self, permission: str = CHANGE) -> None:
        """Raises SignInAgain where the sign-in is too old, AccessDenied."""
        self.call.decider.require(self.call.principal, permission)

    def email(self) -> str:
        """The user's address, by which they are told. Raises Unauthenticated where it is destroyed, Unavailable."""
        who = self.call.principal
        email = personal.unseal_email(self.call.identity.keys, who.tenant, who.personal) if who.personal else None
        if not email:
            raise Unauthenticated("Sign in again: the session doesn't say who you are")
        return email

    def tell(self, email: str) -> None:
        """The user, that it is done. It is done also where the carrier is down: that is recorded, and no error."""
        call, message = self.call, notice(Purpose.FACTOR_CHANGED)
        about = {"resource": "Message", "resource_id": message.purpose.value}

        def record(error: PhivaultError | None = None) -> None:
            trace = call.identity.trace(Action.CODE_SEND, call.source, error=error)
            call.identity.recorder.append([events.of_principal(trace, call.principal, **about)])

        record()
        try:
            call.identity.messenger.email(email, message)
        except PhivaultError as error:
            record(error)
