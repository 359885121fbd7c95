"""What ends a user's access, in the order in which it holds: our own sessions don't wait for the provider."""

from __future__ import annotations

from contextlib import suppress

from phivault.errors import NotFound
from phivault.identity.service import Identity


def end_access(identity: Identity, user_id: str, *, disable: bool) -> int:
    """End every session, then what the provider's tokens could still do; how many sessions were ended.

    The directory says before what the user isn't any more, so that no sign-in on its way opens a session behind this.
    Each step may be repeated. A user whom the provider doesn't know has nothing there to end. Raises Unavailable.
    """
    ended = identity.sessions.end_all(user_id, identity.now())
    with suppress(NotFound):
        if disable:
            identity.user_admin.disable(user_id)
        identity.user_admin.sign_out(user_id)
    return ended
