"""Where somebody who has no account yet can be reached, sealed while it waits in a row."""

from __future__ import annotations

from dataclasses import dataclass, field

from phivault.access.principal import Personal
from phivault.crypto import envelope
from phivault.crypto.element import Element, SealContext
from phivault.crypto.subject_keys import SubjectKeys
from phivault.identity.personal import NO_TENANT, unattributed_subject
from phivault.phi.data_class import DataClass

TYPE = "Contact"


@dataclass(frozen=True, slots=True)
class Contact:
    """``phone_number`` is in E.164, or empty where it isn't known."""

    email: str = field(repr=False)
    phone_number: str = field(default="", repr=False)


def seal(keys: SubjectKeys, contact: Contact, ref: str, now: float) -> Personal:
    """Under the day's key for people who aren't known. ``ref`` is the id that the seal is bound to."""
    subject = unattributed_subject(now)
    values = {"email": contact.email, "phone_number": contact.phone_number}
    elements = [Element(name, DataClass.CONTACT, value.encode()) for name, value in values.items()]
    sealed = envelope.seal(keys.for_sealing(NO_TENANT, subject), _context(subject, ref), elements)
    return Personal(subject, ref, sealed)


def unseal(keys: SubjectKeys, sealed: Personal) -> Contact:
    """Raises IntegrityError where it was altered or moved, Gone or Unavailable."""
    key = keys.for_unsealing(NO_TENANT, sealed.subject, envelope.read_header(sealed.sealed).key_version)
    opened = envelope.unseal(key, _context(sealed.subject, sealed.ref), sealed.sealed)
    return Contact(opened["email"].decode(), opened["phone_number"].decode())


def _context(subject: str, ref: str) -> SealContext:
    return SealContext(NO_TENANT, subject, TYPE, ref, 1)
