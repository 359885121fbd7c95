"""A stored version under a later key of its subject: the same members, number and time.

Its data classes are today's, where those are stricter than the ones it was sealed with: a version that was written
before a class was raised is raised with it, and never lowered. Generalised forms are made anew, and so is what a search
finds it by.
"""

from __future__ import annotations

from collections.abc import Mapping

from phivault.crypto.subject_keys import SubjectKeys
from phivault.records.authorise import Owner
from phivault.records.general_names import is_general
from phivault.records.index.key import IndexKey
from phivault.records.open import classes_in, open_with
from phivault.records.seal import RESOURCE_TYPE, Draft, seal_with
from phivault.records.store import SealedVersion
from phivault.records.subject import TENANT, patient_of

KINDS = ("Patient", "RelatedPerson")
"""Of subjects that own rows, besides the tenant itself."""


def owns_rows(subject: str) -> bool:
    return subject == TENANT or subject.partition("/")[0] in KINDS


def resealed(keys: SubjectKeys, index: IndexKey, tenant: str, sealed: SealedVersion, key_version: int) -> SealedVersion:
    """``sealed``, which isn't a deletion, under the subject's key of this version.

    Raises IntegrityError where it doesn't open, Gone where either key was destroyed, Unavailable, and what marks and
    the envelope's format raise for members that they can't take.
    """
    opened = open_with(keys, tenant, sealed)
    classes = {name: kind for name, kind in classes_in(sealed).items() if not is_general(name)}
    members = {name: opened[name] for name in classes if name != RESOURCE_TYPE}
    owner = Owner(sealed.subject, _patient(sealed, members))
    # Hidden, as from everybody who isn't asking: what stands was found to be few enough when it was written.
    unseen = frozenset(members)
    draft = Draft(sealed.type, sealed.id, sealed.version, owner, members, hidden=unseen, at_least=classes)
    return seal_with(keys.for_unsealing(tenant, sealed.subject, key_version), index, draft, sealed.at)


def _patient(sealed: SealedVersion, members: Mapping[str, bytes]) -> str:
    kind, _, person = sealed.subject.partition("/")
    if kind == "RelatedPerson":
        return patient_of(sealed.type, sealed.id, members) or ""
    return person if kind == "Patient" else ""
