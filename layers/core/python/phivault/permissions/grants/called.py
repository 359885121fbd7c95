"""What the verbs about grants share: how a grant is found, checked, recorded and shown."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from phivault.audit.event import Action
from phivault.errors import AccessDenied, Conflict, NotFound
from phivault.permissions.call import OPAQUE_ID, Call
from phivault.permissions.grants.state import LIFETIME_SECONDS, Approved, Grant, State, Terms, Waiting
from phivault.permissions.grants.terms import check

SEE: Final = "admin:grants"
PROPOSE: Final = "admin:grants-propose"
APPROVE: Final = "admin:grants-approve"
REVOKE: Final = "admin:grants-revoke"
RESOURCE: Final = "Grant"


def found(call: Call, id: str) -> Grant:
    """Raises NotFound for what isn't a grant of the caller's tenant."""
    grant = call.permissions.grants.grant(call.tenant, id) if OPAQUE_ID.fullmatch(id) else None
    if grant is None:
        raise NotFound("There is no such grant")
    return grant


def refuse_grantee(call: Call, grant: Grant) -> None:
    """Raises AccessDenied for a grant to the caller: who receives it neither proposes nor approves it."""
    if grant.user_id == call.principal.user_id:
        raise AccessDenied("Nobody proposes, changes or approves a grant to themself")


def require_grantable(call: Call, grant: Grant, terms: Terms) -> None:
    """Raises NotFound where grantee or patient aren't the tenant's or not active, Unprocessable where the rules forbid
    it. Asked when it is proposed and again when it is approved."""
    if grant.patient:
        call.patient(grant.patient)
    check(grant, terms, call.user(grant.user_id), int(call.permissions.now()))


def waiting(call: Call, grant: Grant, terms: Terms, restores: int = 0) -> Waiting:
    """The version that the caller proposes."""
    now = int(call.permissions.now())
    version = grant.latest + 1
    return Waiting(version, terms, call.principal.user_id, now, now + LIFETIME_SECONDS, restores)


def require_changeable(call: Call, grant: Grant) -> Approved:
    """What holds. Raises Conflict where nothing does, or where a version waits already."""
    now = call.permissions.now()
    if grant.state_at(now) is not State.ACTIVE or grant.holds is None:
        raise Conflict("This grant doesn't hold: propose another one")
    if grant.waiting_at(now):
        raise Conflict("A version of this grant waits already: have it approved or withdraw it")
    return grant.holds


def record(call: Call, action: Action, grant: Grant, version: Waiting | Approved | None) -> None:
    call.record(action, **about(grant, version))


def about(grant: Grant, version: Waiting | Approved | None) -> dict[str, Any]:
    """The fields of an event about a grant and the version that it is about."""
    flags = [f"for:{grant.user_id}", f"kind:{grant.kind}"]
    if version:
        flags.append(f"by:{version.proposed_by}")
        flags += [f"restores:{version.restores}"] if version.restores else []
    fields: dict[str, Any] = {"resource": RESOURCE, "resource_id": grant.id, "flags": tuple(flags)}
    if version:
        fields["version"] = version.version
    if grant.patient:
        fields["patient"] = grant.patient
    return fields


def shown(grant: Grant, now: float) -> dict[str, Any]:
    """``approved`` is what holds or last held, ``waiting`` what somebody has to approve."""
    about_whom = {"patient": grant.patient} if grant.patient else {"project": grant.project}
    relation = {"relation": grant.relation} if grant.relation else {}
    open_one = grant.waiting_at(now)
    return {
        "id": grant.id,
        "kind": grant.kind.value,
        **relation,
        "user_id": grant.user_id,
        **about_whom,
        "state": grant.state_at(now).value,
        "approved": shown_version(grant.holds) if grant.holds else None,
        "waiting": shown_version(open_one) if open_one and _is_open(grant) else None,
        "closed_by": grant.closed_by or None,
        "closed": grant.closed or None,
    }


def shown_version(one: Approved | Waiting) -> dict[str, Any]:
    whole = asdict(one)
    terms = {name: list(value) if isinstance(value, tuple) else value for name, value in whole.pop("terms").items()}
    if not terms["classes"]:
        del terms["classes"], terms["purposes"]
    return {"version": whole.pop("version"), **terms, **whole, "restores": one.restores or None}


def _is_open(grant: Grant) -> bool:
    return grant.state in (State.PROPOSED, State.ACTIVE)
