"""Where the local stack's text messages, e-mails and alerts go instead of a phone or a mailbox."""

from __future__ import annotations

import threading
from collections import deque
from datetime import UTC, datetime
from typing import TypedDict

from phivault.ids import uuid7

KEPT = 1000


class Message(TypedDict):
    """``channel`` is "sms", "email" or "alert"; ``code`` the one-time code or the text; ``sent_at`` RFC 3339 UTC."""

    id: str
    to: str
    channel: str
    purpose: str
    code: str
    sent_at: str


class Outbox:
    """The last 1000 messages, in memory only. Safe to use from any thread."""

    def __init__(self) -> None:
        self._messages: deque[Message] = deque(maxlen=KEPT)
        self._lock = threading.Lock()

    def send(self, to: str, channel: str, purpose: str, code_or_text: str) -> str:
        """Keep one message and return its id."""
        with self._lock:
            # Stamped under the lock so that the order of times is the order of the list.
            message: Message = {
                "id": uuid7(),
                "to": to,
                "channel": channel,
                "purpose": purpose,
                "code": code_or_text,
                "sent_at": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            }
            self._messages.append(message)
        return message["id"]

    def messages(self, to: str | None = None) -> list[Message]:
        """Copies of the kept messages, newest last; ``to`` keeps only one recipient's."""
        with self._lock:
            return [message.copy() for message in self._messages if to is None or message["to"] == to]

    def __repr__(self) -> str:
        return f"Outbox({len(self._messages)} messages)"
