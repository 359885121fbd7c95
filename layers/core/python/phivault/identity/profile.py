"""What a signed-in user sees of themselves."""

from __future__ import annotations

from dataclasses import dataclass, field

from phivault.access.principal import Principal
from phivault.access.roles import Role
from phivault.audit.event import Action
from phivault.audit.recorder import Recorder
from phivault.crypto.subject_keys import SubjectKeys
from phivault.errors import Unauthenticated
from phivault.identity import events, personal
from phivault.identity.session import Sessions, end_of
from phivault.identity.source import Source
from phivault.phi.data_class import DataClass


@dataclass(frozen=True, slots=True)
class Profile:
    """Times are Unix seconds; ``expires`` is when the session ends at the latest."""

    user_id: str
    tenant: str
    role: Role
    session: str
    auth_time: int
    expires: int
    patient_id: str | None
    email: str | None = field(repr=False)


def profile(
    sessions: Sessions, recorder: Recorder, keys: SubjectKeys, principal: Principal, source: Source, *, now: float
) -> Profile:
    """Raises Unauthenticated where the session ended meanwhile, or Unavailable. Recorded before it is unsealed."""
    session, rules, _ = sessions.store.load_with_rules(principal.user_id, principal.session_id, principal.tenant)
    if session is None or session.ended:
        raise Unauthenticated("Sign in again: no live session")
    trace = events.Trace(Action.PROFILE_READ, source, now)
    released = (DataClass.IDENTIFYING.value,)
    recorder.append([events.of_principal(trace, principal, resource="User", classes=released)])
    return Profile(
        user_id=principal.user_id,
        tenant=principal.tenant,
        role=principal.role,
        session=principal.session_id,
        auth_time=principal.auth_time,
        expires=end_of(session, rules),
        patient_id=principal.patient_id,
        email=personal.unseal_email(keys, principal.tenant, session.personal),
    )
