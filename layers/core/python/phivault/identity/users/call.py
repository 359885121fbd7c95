"""One request of an administrator: who asks what of whom, and how it is recorded.

A tenant is never named by the caller: it is the principal's, so another tenant's user is as unknown as nobody.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from phivault.access.decide import Decider
from phivault.access.principal import Principal
from phivault.access.roles import Role
from phivault.audit.event import Action, RiskLevel
from phivault.errors import AccessDenied, Gone, IntegrityError, NotFound, PhivaultError
from phivault.identity import events, personal
from phivault.identity.claims import OPAQUE_ID
from phivault.identity.directory import User
from phivault.identity.service import Identity
from phivault.identity.source import Source
from phivault.phi.data_class import DataClass

_OPENED_AT_ONCE = 8
RELEASED = (DataClass.IDENTIFYING.value,)
"""What an opened address is, on the event of its release."""


@dataclass(frozen=True, slots=True)
class Call:
    identity: Identity
    decider: Decider
    principal: Principal
    source: Source

    @property
    def tenant(self) -> str:
        return self.principal.tenant

    def require(self, permission: str) -> None:
        """Raises AccessDenied, or SignInAgain where a new sign-in would help."""
        self.decider.require(self.principal, permission)

    def user(self, user_id: str) -> User:
        """Raises NotFound for whoever isn't a user of the caller's tenant."""
        user = self.identity.directory.user(self.tenant, user_id) if OPAQUE_ID.fullmatch(user_id) else None
        if user is None:
            raise NotFound("There is no such user")
        return user

    def other(self, user_id: str) -> User:
        """The same for what nobody may do to themself. Raises AccessDenied for the caller's own id."""
        if user_id == self.principal.user_id:
            raise AccessDenied("Nobody does this to their own account: ask another administrator")
        return self.user(user_id)

    def record(
        self,
        action: Action,
        id: str = "",
        *,
        error: PhivaultError | None = None,
        risk: RiskLevel | None = None,
        flags: tuple[str, ...] = (),
        resource: str = "User",
        **more: Any,
    ) -> None:
        """``more`` are further fields of AuditEvent. Raises Unavailable where it can't be kept."""
        trace = replace(self.identity.trace(action, self.source, error=error), risk=risk, flags=flags)
        about = {"resource": resource, "resource_id": id if OPAQUE_ID.fullmatch(id) else ""}
        self.identity.recorder.append([events.of_principal(trace, self.principal, **about, **more)])

    @contextmanager
    def failure_recorded(self, action: Action, id: str = "", resource: str = "User") -> Iterator[None]:
        """Record what fails inside: a refusal, and once more a change that was recorded and then failed."""
        try:
            yield
        except PhivaultError as error:
            self.record(action, id, error=error, resource=resource)
            raise

    def address(self, user: User) -> str | None:
        """The user's e-mail address; None where its key was destroyed, or where it doesn't open, which is recorded (as
        CRITICAL): one altered row must not hide the others, nor keep anybody's access from ending. Raises Unavailable.
        """
        try:
            return personal.unseal_email(self.identity.keys, user.tenant, user.person)
        except Gone:
            return None
        except IntegrityError as error:
            self.record(Action.USER_READ, user.user_id, error=error)
            return None

    def addresses(self, users: Sequence[User]) -> list[str | None]:
        """The same of each, several at a time: every one may cost a call of KMS."""
        with ThreadPoolExecutor(_OPENED_AT_ONCE) as threads:
            return list(threads.map(self.address, users))


def changed_to(role: Role, was: Role | None = None) -> tuple[str, ...]:
    """Roles as flags of an event; those have no underscore."""
    names = {"from": was, "to": role}
    return tuple(f"role:{word}:{name.replace('_', '-')}" for word, name in names.items() if name)
