"""The signed tenant context: what tells PostgreSQL whose rows a call may see.

``v1|key id|tenant|expiry|MAC``: expiry in Unix seconds, the MAC HMAC-SHA256 in lower-case hex over
``phivault-context-v1|key id|tenant|expiry|backend pid|login role``. app.tenant() (migration 0001) checks it. The
database never gives the key to the application role, so that injected SQL can name a tenant but not sign for one;
pid, role and expiry keep a captured context from being of use elsewhere or later.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time

from phivault.errors import InvalidInput

LIFETIME_SECONDS = 60
KEY_BYTES = 32

# Neither may hold the separator: only the login role, which comes last, is free in form.
KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_TENANT = re.compile(r"[A-Za-z0-9._-]{1,64}")


def sign(key_id: str, key: bytes, *, tenant: str, backend_pid: int, role: str, now: float | None = None) -> str:
    """A context for one tenant on one connection, good for a minute. Raises InvalidInput for a malformed tenant."""
    if not _TENANT.fullmatch(tenant):
        raise InvalidInput("The tenant id is malformed")
    if not KEY_ID.fullmatch(key_id) or len(key) != KEY_BYTES:
        raise ValueError("A context key has an id of letters, digits, _ and -, and 32 bytes")
    expires = int(time.time() if now is None else now) + LIFETIME_SECONDS
    claim = f"{key_id}|{tenant}|{expires}"
    message = f"phivault-context-v1|{claim}|{backend_pid}|{role}"
    return f"v1|{claim}|{hmac.new(key, message.encode(), hashlib.sha256).hexdigest()}"
