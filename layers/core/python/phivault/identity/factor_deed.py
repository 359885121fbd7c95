"""What signed-in users do to their own factors: recorded before it is done, and once more where it then fails."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from phivault.audit.event import Action
from phivault.errors import PhivaultError, Unauthenticated, Unavailable
from phivault.identity import events, personal
from phivault.identity.messages import Purpose, notice
from phivault.identity.sending import send_email
from phivault.identity.service import Identity
from phivault.identity.source import Source
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
        self.call.decider.require(self.call.principal, permission, "You may not do this with second factors")

    def email(self) -> str:
        """The user's address, by which they are told. Raises Unauthenticated where it is destroyed, Unavailable."""
        who = self.call.principal
        email = personal.unseal_email(self.call.identity.keys, who.tenant, who.personal) if who.personal else None
        if not email:
            raise Unauthenticated("Sign in again: the session doesn't say who you are")
        return email

    def tell(self, email: str) -> None:
        """That it is done."""
        tell(self.call.identity, email, Purpose.FACTOR_CHANGED, self.call.source, self.call.principal.user_id)


def tell(identity: Identity, email: str, purpose: Purpose, source: Source, user_id: str) -> None:
    """A notice of what has happened. It happened also where the carrier is down; that is recorded, and no error."""
    with suppress(Unavailable):
        send_email(identity, email, notice(purpose), source, user_id)
