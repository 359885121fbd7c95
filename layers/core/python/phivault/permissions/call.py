"""One request about permissions: who asks, and how it is recorded.

A tenant is never named by the caller: it is the principal's, so another tenant's patient is as unknown as nobody's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from phivault.access.principal import Principal
from phivault.attributed import of_principal
from phivault.audit.event import Action
from phivault.errors import NotFound, PhivaultError
from phivault.permissions.people import Member
from phivault.permissions.service import Permissions

OPAQUE_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Call:
    permissions: Permissions
    principal: Principal
    request_id: str

    @property
    def tenant(self) -> str:
        return self.principal.tenant

    def require(self, permission: str) -> None:
        """Raises AccessDenied, or SignInAgain where a new sign-in would help."""
        self.permissions.decider.require(self.principal, permission)

    def patient(self, patient: str) -> str:
        """Raises NotFound for whoever isn't a patient of the caller's tenant."""
        if not OPAQUE_ID.fullmatch(patient) or not self.permissions.patients.exists(self.tenant, patient):
            raise NotFound("There is no such patient")
        return patient

    def user(self, user_id: str) -> Member:
        """Raises NotFound for whoever isn't an active user of the caller's tenant."""
        user = self.permissions.users.active(self.tenant, user_id) if OPAQUE_ID.fullmatch(user_id) else None
        if user is None:
            raise NotFound("There is no such user")
        return user

    def record(self, action: Action, *, error: PhivaultError | None = None, **about: Any) -> None:
        """``about`` are further fields of AuditEvent; ids of another shape than ours are the caller's own text and left
        out. Raises Unavailable where it can't be kept."""
        for name in ("resource_id", "patient"):
            if name in about and not OPAQUE_ID.fullmatch(about[name]):
                del about[name]
        event = of_principal(
            action,
            self.principal,
            at=self.permissions.now(),
            request_id=self.request_id,
            error=error,
            **about,
        )
        self.permissions.recorder.append([event])

    @contextmanager
    def failure_recorded(self, action: Action, **about: Any) -> Iterator[None]:
        """Record what fails inside: a refusal, and once more a change that was recorded and then failed."""
        try:
            yield
        except PhivaultError as error:
            self.record(action, error=error, **about)
            raise
