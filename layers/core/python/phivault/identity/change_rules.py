"""A tenant's settings: limits of sessions, sign-up by oneself, the cooling period, the purposes of use that requests
have where they name none, and from where its users may come.

A change names the version that it was made from, so that of two at once the second is told (Conflict) instead of
undoing the first unseen.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Annotated, Final

from pydantic import Field

from phivault.access.purpose import PurposeOfUse
from phivault.access.roles import Role
from phivault.audit.event import Action
from phivault.errors import Conflict, InvalidInput, Unprocessable
from phivault.identity.tenant_rules import ANY_ROLE, TenantRules, block_of
from phivault.identity.users.call import Call
from phivault.inputs import Body

_REGISTRATION_OCTETS = 16
_SETTINGS = "Settings"

_CARE: Final = frozenset({PurposeOfUse.TREATMENT, PurposeOfUse.PAYMENT, PurposeOfUse.OPERATIONS})
_DEFAULTS: Final = {
    Role.CLINICIAN: _CARE,
    Role.CARE_COORDINATOR: _CARE,
    Role.PATIENT: frozenset({PurposeOfUse.PATIENT_REQUEST}),
    Role.RESEARCHER: frozenset({PurposeOfUse.RESEARCH}),
}
_OF_OTHERS: Final = frozenset({PurposeOfUse.PAYMENT, PurposeOfUse.OPERATIONS})
"""What a role may have as its default: what it could be granted something for. Never EMERGENCY, which is asserted."""

type Version = Annotated[int, Field(ge=0, le=1 << 31)]


class SettingsChange(Body):
    """The settings as they shall be; ``registration`` isn't chosen but made anew (``rotate_registration``).
    ``purposes`` are those of requests that name none, by role; a role without one has ours, and all stay as they are
    where it is left out."""

    idle_minutes: Annotated[int, Field(ge=5, le=1440)]
    absolute_minutes: Annotated[int, Field(ge=5, le=1440)]
    self_sign_up: bool
    cooling_hours: Annotated[int, Field(ge=1, le=168)]
    purposes: Annotated[dict[str, PurposeOfUse], Field(max_length=len(Role))] | None = None
    rotate_registration: bool = False
    version: Version


class AllowListChange(Body):
    """CIDR blocks by role, or under ``*`` for every role without an entry. No entry at all: from anywhere."""

    networks: Annotated[
        dict[str, Annotated[list[Annotated[str, Field(max_length=43)]], Field(min_length=1, max_length=32)]],
        Field(max_length=len(Role) + 1),
    ]
    version: Version


def settings(call: Call) -> TenantRules:
    """Raises AccessDenied or Unavailable."""
    with call.failure_recorded(Action.SETTINGS_READ, resource=_SETTINGS):
        _require(call, "admin:settings")
        rules = call.identity.rules.rules(call.tenant)
        call.record(Action.SETTINGS_READ, resource=_SETTINGS, version=rules.version)
        return rules


def change_settings(call: Call, body: SettingsChange) -> TenantRules:
    """The new settings. Raises AccessDenied (SignInAgain for a sign-in older than five minutes), Conflict,
    Unprocessable or Unavailable."""
    with call.failure_recorded(Action.SETTINGS_CHANGE, resource=_SETTINGS):
        before = _begun(call, body.version)
        if body.absolute_minutes < body.idle_minutes:
            raise Unprocessable("absolute_minutes: at least idle_minutes")
        renewed = body.rotate_registration or (body.self_sign_up and not before.registration)
        changed = replace(
            before,
            idle=body.idle_minutes * 60,
            absolute=body.absolute_minutes * 60,
            self_sign_up=body.self_sign_up,
            registration=secrets.token_urlsafe(_REGISTRATION_OCTETS) if renewed else before.registration,
            cooling=body.cooling_hours * 3600,
            purposes=before.purposes if body.purposes is None else _purposes(body.purposes),
        )
        return _made(call, before, changed)


def change_allow_list(call: Call, body: AllowListChange) -> TenantRules:
    """As ``change_settings``; Unprocessable too where the caller couldn't come back from where they are: a typing error
    must not shut out who could mend it."""
    with call.failure_recorded(Action.SETTINGS_CHANGE, resource=_SETTINGS):
        before = _begun(call, body.version)
        networks = {_role(role): tuple(_blocks(blocks)) for role, blocks in body.networks.items()}
        changed = replace(before, networks=networks)
        if not changed.admits(call.principal.role, call.source.ip):
            raise Unprocessable("networks: for your role they don't contain the address that you come from")
        return _made(call, before, changed)


def _begun(call: Call, version: int) -> TenantRules:
    """The rules before a change that was made from ``version``."""
    _require(call, "admin:settings-change")
    before = call.identity.rules.rules(call.tenant)
    if before.version != version:
        raise Conflict("The settings changed meanwhile: read them again")
    return before


def _made(call: Call, before: TenantRules, changed: TenantRules) -> TenantRules:
    after, flags = replace(changed, version=before.version + 1), tuple(_differences(before, changed))
    call.record(Action.SETTINGS_CHANGE, resource=_SETTINGS, version=after.version, flags=flags)
    call.identity.rules.replace_rules(call.tenant, after)
    return after


def _require(call: Call, permission: str) -> None:
    call.decider.require(call.principal, permission)


def _differences(before: TenantRules, after: TenantRules) -> Iterator[str]:
    """What changed, as flags of the event: numbers and switches as they are now, of lists only that they changed."""
    for name in ("idle", "absolute", "cooling"):
        if getattr(before, name) != getattr(after, name):
            yield f"{name}:{getattr(after, name)}s"
    if before.self_sign_up != after.self_sign_up:
        yield "self-sign-up:on" if after.self_sign_up else "self-sign-up:off"
    if before.registration != after.registration:
        yield "registration:changed"
    for name in ("networks", "purposes"):
        if getattr(before, name) != getattr(after, name):
            yield f"{name}:changed"


def _purposes(asked: Mapping[str, PurposeOfUse]) -> dict[str, str]:
    for name, purpose in asked.items():
        if name not in set(Role):
            raise InvalidInput("purposes: a key is not a role")
        if purpose not in _DEFAULTS.get(Role(name), _OF_OTHERS):
            raise Unprocessable("purposes: a role can't have this one by default; see docs/identity.md")
    return {name: purpose.value for name, purpose in asked.items()}


def _role(name: str) -> str:
    if name != ANY_ROLE and name not in set(Role):
        raise InvalidInput("networks: a key is neither a role nor *")
    return name


def _blocks(texts: list[str]) -> Iterator[str]:
    for text in texts:
        try:
            yield str(block_of(text))
        except ValueError:
            raise InvalidInput("networks: not a CIDR block, or one with host bits set") from None
