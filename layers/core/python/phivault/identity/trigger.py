"""What Cognito's triggers have in common: an event read with suspicion, an audit event before the answer, and a
refusal that gives nothing away.

The event says what Cognito knows of a user, so its fields are checked like any input, and only what has the shape of
an id of ours is recorded. Cognito may run a trigger up to three times: what is recorded twice did happen twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from phivault.access.roles import Role
from phivault.audit.event import Action, AuditEvent
from phivault.audit.recorder import Recorder
from phivault.audit.system import NO_TENANT, system_event
from phivault.errors import InvalidInput, PhivaultError, Unavailable
from phivault.identity.claims import TENANT_ID
from phivault.identity.pre_token import USER_ID


class Refused(Exception):
    """Cognito shows this text, the code of an error, to whoever asked."""


class RefusedUnavailable(Refused):
    """Not for what was asked, but because nothing could be known or recorded: to be tried again."""


def refused(error: PhivaultError) -> Refused:
    return (RefusedUnavailable if isinstance(error, Unavailable) else Refused)(error.code)


@dataclass(frozen=True, slots=True)
class Asked:
    """A trigger's event. ``user_id``, ``tenant`` and ``role`` are as the user's attributes have them where they have
    the shape of ours, else empty (a tenant: "-")."""

    event: Mapping[str, Any] = field(repr=False)
    request_id: str
    attributes: Mapping[str, str] = field(repr=False)
    user_id: str
    tenant: str
    role: str

    @property
    def source(self) -> str:
        return str(self.event.get("triggerSource", ""))

    @property
    def request(self) -> Mapping[str, Any]:
        request: Mapping[str, Any] = self.event["request"]
        return request

    def answer(self, **response: Any) -> dict[str, Any]:
        """The event with its response."""
        return {**self.event, "response": response}

    def told(self, action: Action, error: PhivaultError | None = None, **more: Any) -> AuditEvent:
        """An audit event about the user; ``more`` are further fields of AuditEvent."""
        who = {"user_id": self.user_id, "role": self.role}
        return system_event(action, tenant=self.tenant, error=error, request_id=self.request_id, **who, **more)


@dataclass(frozen=True, slots=True)
class Gate:
    """One run of a trigger that records ``action``. Used as ``with gate.open(event) as asked: return answer``."""

    recorder: Recorder
    action: Action
    request_id: str

    def read(self, event: object) -> Asked:
        """For a trigger that records its events itself. Raises Refused for what is no event, recorded."""
        try:
            return read(event, self.request_id)
        except InvalidInput as error:
            self._record(_asked({}, {}, self.request_id), error, {})
            raise refused(error) from None

    @contextmanager
    def open(self, event: object, **more: Any) -> Iterator[Asked]:
        """Record what happened inside, then let the answer go. Raises Refused, also where nothing can be recorded."""
        asked = _asked({}, {}, self.request_id)
        try:
            asked = read(event, self.request_id)
            yield asked
        except PhivaultError as error:
            self._record(asked, error, more)
            raise refused(error) from None
        self._record(asked, None, more)

    def _record(self, asked: Asked, error: PhivaultError | None, more: Mapping[str, Any]) -> None:
        try:
            self.recorder.append([asked.told(self.action, error, **more)])
        except PhivaultError as unrecorded:
            raise refused(unrecorded) from None


def read(event: object, request_id: str) -> Asked:
    """Raises InvalidInput for what isn't a trigger's event."""
    request = event.get("request") if isinstance(event, dict) else None
    attributes = (request.get("userAttributes") or {}) if isinstance(request, dict) else None
    if not isinstance(event, dict) or not isinstance(attributes, dict):
        raise InvalidInput("event: not one of a user pool's triggers")
    # Cognito hands every attribute on as a string; anything else isn't one.
    known = {name: value for name, value in attributes.items() if isinstance(value, str)}
    return _asked(event, known, request_id)


def _asked(event: Mapping[str, Any], attributes: Mapping[str, str], request_id: str) -> Asked:
    user, tenant = event.get("userName"), attributes.get("custom:tenant_id", "")
    role = attributes.get("custom:role", "")
    return Asked(
        event=event,
        request_id=request_id,
        attributes=attributes,
        user_id=user if isinstance(user, str) and USER_ID.fullmatch(user) else "",
        tenant=tenant if TENANT_ID.fullmatch(tenant) else NO_TENANT,
        role=role if role in set(Role) else "",
    )
