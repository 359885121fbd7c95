"""What the operations share."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from local.cognito.errors import CognitoError, invalid_parameter
from local.cognito.lockout import Strangers
from local.cognito.pool import Pool
from local.cognito.refresh_tokens import RefreshTokens
from local.cognito.resets import Resets
from local.cognito.sessions import Sessions
from local.cognito.tokens import Tokens
from local.cognito.triggers import Trigger
from local.cognito.users import Users
from local.outbox import Outbox

type Params = dict[str, Any]
type Answer = dict[str, Any]


@dataclass
class Service:
    """One pool's state. ``lock`` guards all of it: an operation holds it from its first look to its last change, so
    that a guess can't slip between a check and a count. It is never held while a trigger runs, because the
    function may call this service itself."""

    pool: Pool
    outbox: Outbox
    trigger: Trigger
    now: Callable[[], float]
    lock: threading.RLock = field(default_factory=threading.RLock)
    users: Users = field(default_factory=Users)
    strangers: Strangers = field(default_factory=Strangers)
    sessions: Sessions = field(init=False)
    refresh_tokens: RefreshTokens = field(init=False)
    resets: Resets = field(init=False)
    tokens: Tokens = field(init=False)

    def __post_init__(self) -> None:
        self.sessions = Sessions(self.pool.session_seconds, self.now)
        self.refresh_tokens = RefreshTokens(self.pool.refresh_seconds, self.now)
        self.resets = Resets(self.now)
        self.tokens = Tokens(self.pool, self.now)

    def check_pool(self, params: Params) -> None:
        if params["UserPoolId"] != self.pool.id:
            raise CognitoError("ResourceNotFoundException", "User pool does not exist.")

    def check_client(self, params: Params) -> None:
        if params["ClientId"] != self.pool.client_id:
            raise CognitoError("ResourceNotFoundException", "User pool client does not exist.")
        if "ClientSecret" in params:
            raise invalid_parameter("Client is not configured for secret but secret was received")
