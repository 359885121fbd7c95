"""From a sealed version to plaintext, for elements already decided on."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Set

from phivault.crypto.element import SealContext, Unsealed
from phivault.crypto.envelope import read_header, unseal
from phivault.errors import IntegrityError
from phivault.phi.data_class import DataClass
from phivault.records.authorise import Owner, owner_of
from phivault.records.events import PHI, Trail
from phivault.records.seal import GENERALISED, RESOURCE_TYPE
from phivault.records.store import SealedVersion


def classes_in(sealed: SealedVersion) -> dict[str, DataClass]:
    """The data class of every element that a version holds, in its order. Not proven before one is opened: a header
    that was tampered with opens nothing."""
    if sealed.envelope is None:
        raise IntegrityError("A version that should hold data holds none")
    return {element.name: DataClass(element.data_class) for element in read_header(sealed.envelope).elements}


def originals(sealed: SealedVersion) -> dict[str, DataClass]:
    """The same without the generalised forms and the sealed type: the client's own members."""
    return {name: kind for name, kind in classes_in(sealed).items() if _is_original(name)}


def is_general(name: str) -> bool:
    return name.startswith(GENERALISED)


def _is_original(name: str) -> bool:
    return name != RESOURCE_TYPE and not is_general(name)


def visible(elements: Mapping[str, DataClass], granted: Set[DataClass]) -> list[str]:
    """The elements that a reader sees: every original if all are granted, else the granted ones; but the
    generalised forms where only they and nothing of the originals that is PHI are granted. Never both: beside its
    original a generalised form says nothing more, and beside it the administrative originals could tell who it is."""
    members = {name: kind for name, kind in elements.items() if _is_original(name)}
    general = DataClass.DEIDENTIFIED in granted and not PHI.intersection(granted)
    if general and not granted >= set(members.values()):
        return [name for name in elements if is_general(name)]
    return [name for name, kind in members.items() if kind in granted]


def open_elements(trail: Trail, sealed: SealedVersion, names: Collection[str] | None = None) -> Unsealed:
    """Unseal these elements, or all. One KMS call where the subject's key isn't cached, none where it is.

    Raises IntegrityError, Unavailable, or Gone where the key was destroyed.
    """
    envelope = sealed.envelope or b""
    key = trail.records.keys.for_unsealing(trail.tenant, sealed.subject, read_header(envelope).key_version)
    context = SealContext(trail.tenant, sealed.subject, sealed.type, sealed.id, sealed.version)
    return unseal(key, context, envelope, names)


def owner_of_sealed(trail: Trail, sealed: SealedVersion) -> Owner:
    """Whose a stored version is. Only a RelatedPerson's patient stands inside the envelope: that one reference
    is opened so that the decision can be made; for a deletion it is the one of the version before."""
    kind, _, person = sealed.subject.partition("/")
    if kind != "RelatedPerson":
        return Owner(sealed.subject, person if kind == "Patient" else "")
    held = sealed
    if sealed.envelope is None:
        before = trail.records.store.read_version(trail.tenant, sealed.type, sealed.id, sealed.version - 1)
        if before is None:
            raise IntegrityError("A deletion has no version before it")
        held = before
    return owner_of(sealed.type, sealed.id, open_elements(trail, held, ["patient"]))
