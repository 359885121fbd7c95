"""phivault inside another Python application: its events in the same log, its values under the same keys.

Settings come from the environment, as functions have them (docs/embedding.md lists them and the AWS actions needed).

Record an event; this returns once it is locked, and what it speaks of may be released then:

>>> from phivault import embedding
>>> id = embedding.record("app.read", tenant="north", user_id="u-17", patient="p-4", classes=["clinical"])
>>> len(id)
36

Seal a value of a patient's, and open it again:

>>> sealed = embedding.seal("north", "Patient/p-4", "intake-note-9", b"afraid of needles")
>>> b"needles" in sealed
False
>>> embedding.unseal("north", "Patient/p-4", "intake-note-9", sealed)
b'afraid of needles'

A seal belongs to its tenant, subject and name: moved, it opens no more.

>>> embedding.unseal("north", "Patient/p-4", "intake-note-10", sealed)
Traceback (most recent call last):
phivault.errors.IntegrityError: The envelope doesn't belong to this key and context

Sign people up and in, with a second factor, from a server that has no API between itself and phivault:
``sign_up_with_mfa``, ``sign_in_with_mfa``, ``set_up_authenticator``, ``respond_to_challenge``
(docs/embedding-accounts.md).
"""

from __future__ import annotations

from phivault.embedding.accounts import (
    respond_to_challenge,
    set_up_authenticator,
    sign_in_with_mfa,
    sign_up_with_mfa,
)
from phivault.embedding.values import ACTIONS, record, seal, unseal

__all__ = [
    "ACTIONS",
    "record",
    "respond_to_challenge",
    "seal",
    "set_up_authenticator",
    "sign_in_with_mfa",
    "sign_up_with_mfa",
    "unseal",
]
