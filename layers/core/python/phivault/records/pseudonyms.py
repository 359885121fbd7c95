"""Names of resources in de-identified answers: stable within a research project, and leading nowhere outside it.

The id of a resource is 128 random bits, so it is one block of AES. A pseudonym is that block encrypted under a key of
the tenant, the project and the resource type: a permutation, which needs no table to lead back. The key comes from a
subject key of the project's own (``Project/<project>``), so nothing about the person goes into a pseudonym and nobody
without KMS can undo it: 45 CFR 164.514(c). Version 1 of that key counts whatever comes after it: a rotation would tear
a study's data apart. Destroying it ends every pseudonym of the project for good.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from phivault.access.purpose import PurposeOfUse
from phivault.access.roles import Role
from phivault.crypto.subject_key import KEY_BYTES, SubjectKey
from phivault.errors import AccessDenied, IntegrityError, NotFound
from phivault.records.events import OPAQUE, Target, Trail
from phivault.records.types import TYPES

SUBJECT: Final = "Project/"
_VERSION: Final = 1
_FORMAT: Final = "phivault/pseudonym/1"
_ORDER: Final = "order"


class Pseudonyms:
    """Those of one project. ``key`` is version 1 of the project's subject key."""

    def __init__(self, key: SubjectKey) -> None:
        self._key = key
        self._ciphers: dict[str, Cipher[ECB]] = {}

    def of(self, type: str, id: str) -> str:
        """The pseudonym of a resource's id. Raises IntegrityError for an id that this server never gave."""
        if not OPAQUE.fullmatch(id):
            raise IntegrityError("A resource's id is none that this server gives")
        return str(UUID(bytes=self._cipher(type).encryptor().update(UUID(id).bytes)))

    def real(self, type: str, pseudonym: str) -> str:
        """The id behind a pseudonym. Anything else of its form leads to an id that nobody has: a real id, or the
        pseudonym of another project, tenant or type. Raises NotFound for what can't be a pseudonym."""
        if not OPAQUE.fullmatch(pseudonym):
            raise NotFound(f"{type} not found")
        return str(UUID(bytes=self._cipher(type).decryptor().update(UUID(pseudonym).bytes)))

    def order(self, type: str) -> bytes:
        """32 secret bytes by which lists of the type are ordered. In the order of ids, a list would tell about where
        in it an id stands; and in one order for all projects, which pseudonyms of two are one resource's."""
        return self._derived(f"{_ORDER}/{type}")

    def _cipher(self, type: str) -> Cipher[ECB]:
        if type not in self._ciphers:
            # One block each, and ids never repeat: ECB is then the permutation that AES is, with nothing to chain.
            self._ciphers[type] = Cipher(AES(self._derived(type)), ECB())  # noqa: S305  # nosec B305  # one block
        return self._ciphers[type]

    def _derived(self, use: str) -> bytes:
        info = f"{_FORMAT}/{self._key.tenant}/{self._key.subject}/{use}"
        return HKDF(SHA512(), KEY_BYTES, None, info.encode()).derive(self._key.material)


def of_call(trail: Trail, type: str = "") -> Pseudonyms | None:
    """What names resources in this call, of ``type`` or of the target's; None for whoever isn't a researcher, or asks
    for nobody's data.

    Raises AccessDenied unless a researcher is approved for the project that they ask for: before anything is looked up,
    so that no id can be tried without one.
    """
    call, kind = trail.call, type or trail.target.resource
    if call.principal.role is not Role.RESEARCHER or not _about_a_patient(kind):
        return None
    if trail.pseudonyms is None:
        if call.purpose.of_use is not PurposeOfUse.RESEARCH or not call.project:
            raise AccessDenied(f"{kind}: a researcher sees it for RESEARCH, in a project that they are approved for")
        if not trail.records.facts.approved(call.principal, call.project):
            raise AccessDenied(f"{kind}: the caller is not approved for this research project")
        trail.project = call.project
        trail.pseudonyms = Pseudonyms(_key(trail))
    return trail.pseudonyms


def resolve(trail: Trail) -> str:
    """The id of the resource that the call is about, which it names by a pseudonym where ``of_call`` says so. The log
    names the real one. Raises NotFound, and as ``of_call``."""
    names, target = of_call(trail), trail.target
    if names is not None:
        trail.target = Target(target.resource, names.real(target.resource, target.id), target.version, target.patient)
    return trail.target.id


def _key(trail: Trail) -> SubjectKey:
    keys, subject = trail.records.keys, SUBJECT + trail.call.project
    newest = keys.for_sealing(trail.tenant, subject)
    return newest if newest.version == _VERSION else keys.for_unsealing(trail.tenant, subject, _VERSION)


def _about_a_patient(type: str) -> bool:
    return type == "Patient" or TYPES[type].patient_element is not None
