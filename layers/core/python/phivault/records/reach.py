"""References within the caller's reach: to what is their patient's, or nobody's, and what they may read something of.

Any other reference is answered exactly as one to nothing. Else whoever writes about one patient could try ids, and be
told what is kept about others, or that there is something sensitive. FHIR R4 2.3.0.1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from phivault.crypto.header import class_named
from phivault.errors import Gone, IntegrityError, Unprocessable
from phivault.phi.data_class import DataClass
from phivault.phi.marking import DIRECTORY
from phivault.records.anchors import newest
from phivault.records.authorise import Ask, Authority
from phivault.records.events import Target, Trail
from phivault.records.open import owner_of_sealed
from phivault.records.store import Owned

if TYPE_CHECKING:
    from phivault.records.changes import Change

type Reference = tuple[str, str]


def nothing(type: str) -> Unprocessable:
    """The answer to a reference of this type to nothing, which names no id: that is the caller's own text."""
    return Unprocessable(f"A reference of type {type} is to nothing that exists")


def require_within_reach(trail: Trail, authority: Authority, changes: Sequence[Change]) -> None:
    """Raise Unprocessable for the first reference of these changes that leads beyond the caller's reach, or to nothing.

    Costs one round trip where any leads elsewhere than to the resource's own patient, to the directory, to what is
    written with it, or where it led before; and a key for each RelatedPerson that it names.
    """
    beyond = list(_beyond(changes))
    if not beyond:
        return
    found = trail.records.store.owners_of(trail.tenant, list(dict.fromkeys(reference for reference, _ in beyond)))
    owned = {(each.type, each.id): each for each in found}
    _require_all(authority, [(one, _ask(trail, owned.get(one), one, patient)) for one, patient in beyond])


def require_there(trail: Trail, authority: Authority, target: Target, references: Sequence[Reference]) -> None:
    """The same of references of one resource that isn't going to be written, so that no commit finds out whether those
    to its patient and to the directory lead anywhere."""
    if not references:
        return
    owned = {(each.type, each.id): each for each in trail.records.store.owners_of(trail.tenant, references)}
    own = ("Patient", target.patient)
    asked: list[tuple[Reference, Ask | None]] = []
    for one in references:
        if one not in owned:
            asked.append((one, None))
        elif one[0] not in DIRECTORY and one != own:
            asked.append((one, _ask(trail, owned[one], one, target.patient)))
    _require_all(authority, asked)


def _require_all(authority: Authority, asked: Sequence[tuple[Reference, Ask | None]]) -> None:
    """Raise for the first that leads to nothing (None) or to what isn't granted, whichever: were all of one kind told
    before those of the other, one that is there could be told from one that isn't by the one behind it."""
    granted = iter(authority.granted_all([ask for _, ask in asked if ask is not None]))
    for (kind, _), ask in asked:
        if ask is None or not next(granted):
            raise nothing(kind)


def _beyond(changes: Sequence[Change]) -> Iterator[tuple[Reference, str]]:
    """The references to look after, each with the patient whom the resource is about. Of what is written together it is
    known whose it is."""
    written = {(one.target.resource, one.target.id): one.target.patient for one in changes if one.write is not None}
    for change in changes:
        patient = change.target.patient
        for reference in change.references:
            kind = reference[0]
            if kind in DIRECTORY or reference in change.stood or reference == ("Patient", patient):
                continue
            if reference not in written:
                yield reference, patient
            elif written[reference] not in ("", patient):
                raise nothing(kind)


def _ask(trail: Trail, owned: Owned | None, reference: Reference, patient: str) -> Ask | None:
    """None for what isn't there, or is somebody else's."""
    owner = _patient(trail, owned) if owned is not None else None
    if owned is None or owner not in ("", patient):
        return None
    return Ask("read", reference[0], owner or "", _classes(owned.classes))


def _patient(trail: Trail, owned: Owned) -> str | None:
    """The bare id of whose it is, "" for nobody; None where nobody can tell any more."""
    kind, _, person = owned.subject.partition("/")
    if kind != "RelatedPerson":
        return person if kind == "Patient" else ""
    sealed = newest(trail, owned.type, owned.id)
    if sealed is None or sealed.envelope is None:
        return None
    try:
        return owner_of_sealed(trail, sealed).patient
    except Gone:
        return None


def _classes(codes: bytes) -> frozenset[DataClass]:
    """What the header claims: nothing is released by it."""
    names = [class_named(code) for code in codes]
    if None in names:
        raise IntegrityError("An envelope names a data class that there is none of")
    return frozenset(DataClass(name) for name in names if name is not None)
