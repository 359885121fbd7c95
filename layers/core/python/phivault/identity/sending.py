"""Messages leave recorded: the event stands before the carrier is asked, and once more where the carrier fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from phivault.audit.event import Action
from phivault.errors import PhivaultError
from phivault.identity.events import unattributed
from phivault.identity.messages import Message
from phivault.identity.source import Source

if TYPE_CHECKING:
    from phivault.identity.service import Identity


def send_email(identity: Identity, to: str, message: Message, source: Source, user_id: str = "") -> None:
    """Raises Unavailable where it couldn't be recorded (then nothing is sent) or sent."""
    _send(identity, identity.messenger.email, to, message, source, email=to, user_id=user_id)


def send_text(
    identity: Identity, to: str, message: Message, source: Source, *, email: str | None = None, user_id: str = ""
) -> None:
    """As ``send_email``, to a phone; ``email`` is whose it is."""
    _send(identity, identity.messenger.sms, to, message, source, email=email, user_id=user_id)


def _send(
    identity: Identity,
    carrier: Callable[[str, Message], None],
    to: str,
    message: Message,
    source: Source,
    *,
    email: str | None,
    user_id: str,
) -> None:
    def record(error: PhivaultError | None = None) -> None:
        trace = identity.trace(Action.CODE_SEND, source, error=error)
        about = {"resource": "Message", "resource_id": message.purpose.value}
        identity.recorder.append([unattributed(identity.keys, trace, email=email, user_id=user_id, **about)])

    record()
    try:
        carrier(to, message)
    except PhivaultError as error:
        record(error)
        raise
