"""Events of other applications, and values of theirs under the same keys."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from phivault import bootstrap
from phivault.access.purpose import PurposeOfUse
from phivault.audit.event import Action
from phivault.audit.system import system_event
from phivault.crypto import envelope
from phivault.crypto.element import Element, SealContext
from phivault.errors import IntegrityError, InvalidInput, PhivaultError
from phivault.phi.data_class import DataClass

ACTIONS: Final = frozenset(action for action in Action if action.startswith("app."))
"""What an application may record: ``app.create``, ``app.read``, ``app.update``, ``app.delete``, ``app.export``,
``app.other``. It can't speak for phivault itself."""
TYPE: Final = "Value"
_NAME: Final = "value"


def record(
    action: str,
    *,
    tenant: str,
    user_id: str,
    patient: str = "",
    resource: str = "",
    resource_id: str = "",
    purpose: str = "",
    classes: Collection[str] = (),
    success: bool = True,
    error: PhivaultError | None = None,
    request_id: str = "",
) -> str:
    """Record that ``user_id`` did ``action``; the event's id, once it is locked. Risk and flags follow from the rest
    (docs/audit-actions.md).

    Ids are opaque: letters, digits and ``. _ : -``, never a name or an address. ``resource`` is a word in letters,
    ``purpose`` a PurposeOfUse, ``classes`` the data classes released. ``error``, or ``success`` False, says that it
    failed; AccessDenied, that it was refused. Raises InvalidInput naming what isn't one of these, and Unavailable
    where the log can't be written: then release nothing.
    """
    if action not in ACTIONS:
        raise InvalidInput("An application records app. actions")
    if purpose and purpose not in set(PurposeOfUse):
        raise InvalidInput("purpose is not a purpose of use")
    if not set(classes) <= set(DataClass):
        raise InvalidInput("classes are data classes")
    event = system_event(
        Action(action),
        tenant=tenant,
        error=error or (None if success else PhivaultError()),
        user_id=user_id,
        patient=patient,
        resource=resource,
        resource_id=resource_id,
        purpose=purpose,
        classes=tuple(sorted(set(classes))),
        request_id=request_id,
    )
    try:
        bootstrap.recorder().append([event])
    except IntegrityError as broken:
        raise InvalidInput(broken.detail) from None
    return event.id


def seal(tenant: str, subject: str, name: str, value: bytes) -> bytes:
    """``value`` sealed under the subject's key (``Patient/<id>``; docs/envelope-format.md), which is made if need be
    and recorded. ``name`` says which value it is; with another it doesn't open. Where the value stands is not known
    here: the version of the key that sealed it stays when the subject's key is rotated.

    Raises Gone for a subject whose key was destroyed, InvalidInput, ContentTooLarge (4 MiB), Unavailable.
    """
    key = bootstrap.subject_keys().for_keeping(tenant, subject)
    return envelope.seal(key, _context(tenant, subject, name), [Element(_NAME, DataClass.SENSITIVE, value)])


def unseal(tenant: str, subject: str, name: str, sealed: bytes) -> bytes:
    """The value; record its release first. Raises IntegrityError where it was altered or belongs elsewhere, Gone for a
    destroyed key, InvalidInput, Unavailable."""
    version = envelope.read_header(sealed).key_version
    key = bootstrap.subject_keys().for_unsealing(tenant, subject, version)
    opened = envelope.unseal(key, _context(tenant, subject, name), sealed)
    if set(opened) != {_NAME}:
        raise IntegrityError("The envelope holds something else")
    return opened[_NAME]


def _context(tenant: str, subject: str, name: str) -> SealContext:
    if not name:
        raise InvalidInput("A sealed value has a name")
    return SealContext(tenant, subject, TYPE, name, 1)
