"""From a sealed version to plaintext, for elements already decided on."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Set

from phivault.crypto.element import SealContext, Unsealed
from phivault.crypto.envelope import read_header, unseal
from phivault.crypto.header import CODES
from phivault.crypto.subject_keys import SubjectKeys
from phivault.errors import IntegrityError
from phivault.phi.data_class import DataClass
from phivault.records.authorise import Owner, owner_of
from phivault.records.chunks import is_piece, joined, with_pieces
from phivault.records.events import PHI, Trail
from phivault.records.general_names import is_general
from phivault.records.seal import RESOURCE_TYPE
from phivault.records.store import SealedVersion


def classes_in(sealed: SealedVersion) -> dict[str, DataClass]:
    """The data class of every element that a version holds, in its order. Not proven before one is opened: a header
    that was tampered with opens nothing."""
    if sealed.envelope is None:
        raise IntegrityError("A version that should hold data holds none")
    elements = read_header(sealed.envelope).elements
    return {each.name: DataClass(each.data_class) for each in elements if not is_piece(each.name)}


def held(sealed: SealedVersion) -> frozenset[DataClass]:
    """The classes of what a version holds, that it exists included; every one for a deletion, of which nothing is left
    that would tell."""
    return frozenset(DataClass) if sealed.envelope is None else frozenset(classes_in(sealed).values())


def codes_of(classes: Set[DataClass]) -> bytes:
    """How headers list these classes: what a store compares to leave out what holds none of them."""
    return bytes(sorted(CODES[kind.value] for kind in classes))


def originals(sealed: SealedVersion) -> dict[str, DataClass]:
    """The same without the generalised forms and the sealed type: the client's own members."""
    return {name: kind for name, kind in classes_in(sealed).items() if _is_original(name)}


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
    return open_with(trail.records.keys, trail.tenant, sealed, names)


def open_with(keys: SubjectKeys, tenant: str, sealed: SealedVersion, names: Collection[str] | None = None) -> Unsealed:
    """The same without a call of anybody's behind it."""
    envelope = sealed.envelope or b""
    header = read_header(envelope)
    key = keys.for_unsealing(tenant, sealed.subject, header.key_version)
    context = SealContext(tenant, sealed.subject, sealed.type, sealed.id, sealed.version)
    if names is not None:
        names = with_pieces(names, [element.name for element in header.elements])
    return joined(unseal(key, context, envelope, names))


def owner_of_sealed(trail: Trail, sealed: SealedVersion) -> Owner:
    """Whose a stored version is. Only a RelatedPerson's patient stands inside the envelope: that one reference
    is opened so that the decision can be made; for a deletion it is the one of the version before."""
    kind, _, person = sealed.subject.partition("/")
    if kind != "RelatedPerson":
        return Owner(sealed.subject, person if kind == "Patient" else "")
    trail.relatives.add(sealed.id)
    held = sealed
    if sealed.envelope is None:
        before = trail.records.store.read_version(trail.tenant, sealed.type, sealed.id, sealed.version - 1)
        if before is None:
            raise IntegrityError("A deletion has no version before it")
        held = before
    return owner_of(sealed.type, sealed.id, open_elements(trail, held, ["patient"]))
