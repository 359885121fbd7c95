"""Sign out: the session ends at once, whatever tokens are still about."""

from __future__ import annotations

from contextlib import suppress

from phivault.access.principal import Principal
from phivault.audit.event import Action
from phivault.errors import PhivaultError
from phivault.identity import events, inputs
from phivault.identity.service import Identity
from phivault.identity.source import Source


def sign_out(identity: Identity, principal: Principal, body: inputs.SignOut, source: Source) -> None:
    """Raises Unavailable where the session couldn't be ended or that couldn't be recorded."""
    identity.sessions.store.end(principal.user_id, principal.session_id, int(identity.now()))
    identity.recorder.append([events.of_principal(identity.trace(Action.SIGN_OUT, source), principal)])
    if body.refresh_token is not None and _is_own(identity, principal, body.refresh_token):
        # The session's end already makes the token useless here; the provider forgets it sooner if it can be reached.
        with suppress(PhivaultError):
            identity.provider.revoke(body.refresh_token)


def _is_own(identity: Identity, principal: Principal, refresh_token: str) -> bool:
    session = identity.sessions.of_refresh_token(refresh_token)
    return session is not None and (session.user_id, session.id) == (principal.user_id, principal.session_id)
