"""What the verbs of this package need."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

from phivault.audit.event import Action, RiskLevel
from phivault.audit.recorder import Recorder
from phivault.crypto.subject_keys import SubjectKeys
from phivault.errors import PhivaultError
from phivault.identity.accounts import Accounts
from phivault.identity.directory import DirectoryStore
from phivault.identity.events import Trace, unattributed
from phivault.identity.factors import EnrolmentStore, FactorProvider, FactorStore
from phivault.identity.invitations import InvitationStore
from phivault.identity.limits import Limits
from phivault.identity.lockout import Lockout
from phivault.identity.messages import Messenger
from phivault.identity.mfa_reset import MfaResetStore
from phivault.identity.password_provider import PasswordProvider
from phivault.identity.pending import PendingSignIns
from phivault.identity.pending_sign_up import SignUpStore
from phivault.identity.proposals import ProposalStore
from phivault.identity.provider import IdentityProvider, Tokens
from phivault.identity.session import Session, Sessions
from phivault.identity.source import Source
from phivault.identity.tenant_rules import TenantRulesStore
from phivault.identity.user_admin import UserAdmin


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """``now`` answers Unix seconds; ``sessions`` and ``lockout`` go by the same clock."""

    provider: IdentityProvider
    sessions: Sessions
    rules: TenantRulesStore
    pending: PendingSignIns
    lockout: Lockout
    limits: Limits
    recorder: Recorder
    directory: DirectoryStore
    user_admin: UserAdmin
    mfa_resets: MfaResetStore
    keys: SubjectKeys
    messenger: Messenger
    accounts: Accounts
    sign_ups: SignUpStore
    invitations: InvitationStore
    proposals: ProposalStore
    factors: FactorStore
    enrolments: EnrolmentStore
    factor_provider: FactorProvider
    password_provider: PasswordProvider
    now: Callable[[], float] = time.time

    def trace(self, action: Action, source: Source, step: str = "", error: PhivaultError | None = None) -> Trace:
        return Trace(action, source, self.now(), step=step, error=error)


def lives(tokens: Tokens, session: Session, now: float) -> tuple[str, ...]:
    """Each token's type and life in seconds, as flags of an event. An ID token lives as long as an access token; a
    refresh token, whatever the provider says, no longer than its session."""
    rest = max(0, session.expires - int(now))
    return f"token:access:{tokens.expires_in}s", f"token:id:{tokens.expires_in}s", f"token:refresh:{rest}s"


@dataclass(slots=True)
class Attempt:
    """One step towards a sign-in, by someone not proven yet. ``user_id`` is filled in once the provider names it;
    ``ground`` is what the event says of a failure where the caller is told less."""

    identity: Identity
    action: Action
    source: Source
    email: str | None = None
    step: str = ""
    user_id: str = ""
    ground: PhivaultError | None = None

    @contextmanager
    def failure_recorded(self) -> Iterator[None]:
        """Record a refusal or breakdown inside before it goes on to the caller."""
        try:
            yield
        except PhivaultError as error:
            self.record(self.ground or error)
            raise

    def record_begun(self, flag: str) -> None:
        """Before what can't be taken back, where only the provider's answer tells whether it happens: ``flag`` says so.
        Raises Unavailable: then it mustn't be asked for."""
        self.record(flags=(flag,), risk=RiskLevel.LOW)

    def record(
        self, error: PhivaultError | None = None, *, flags: tuple[str, ...] = (), risk: RiskLevel | None = None
    ) -> None:
        """Raises Unavailable where the event can't be kept: then nothing may be answered but that."""
        trace = self.identity.trace(self.action, self.source, self.step, error)
        trace = replace(trace, flags=flags, risk=risk)
        event = unattributed(self.identity.keys, trace, email=self.email, user_id=self.user_id)
        self.identity.recorder.append([event])


@contextmanager
def withheld(identity: Identity, refresh_token: str) -> Iterator[None]:
    """Tokens are in our hands, not yet the caller's: whatever goes wrong inside, they are revoked."""
    try:
        yield
    except BaseException:
        # The first error is the one to tell; a provider that is down too leaves tokens that have no live session.
        with suppress(PhivaultError):
            identity.provider.revoke(refresh_token)
        raise
