"""What leaves: decided, recorded, and only then opened."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NoReturn

from phivault.audit.event import Action
from phivault.errors import AccessDenied, Gone, NotFound
from phivault.phi.data_class import DataClass
from phivault.records.authorise import EVERY_CLASS, Authority, Verb
from phivault.records.changes import Change
from phivault.records.deidentified import deidentified
from phivault.records.events import Target, Trail
from phivault.records.fhir_meta import present
from phivault.records.general_names import is_general
from phivault.records.json_members import join, split
from phivault.records.open import classes_in, open_elements, originals, owner_of_sealed, visible
from phivault.records.seal import Draft
from phivault.records.shape import WHOLE, Shape
from phivault.records.store import SealedVersion
from phivault.records.types import TYPES


@dataclass(frozen=True, slots=True)
class Released:
    """A resource as this caller may see it, its release recorded. ``body`` is FHIR JSON. Prints without it.

    ``at`` is when the version was written; None in a de-identified view, where it would date the patient's care
    (45 CFR 164.514(b)(2)(i)(C)). To a researcher ``id`` is a pseudonym and ``version`` 0.
    """

    type: str
    id: str
    version: int
    at: datetime | None
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class View:
    """What of a sealed version a reader sees: decided, not opened yet. ``names`` are the elements to open; ``complete``
    says that nothing of the version is withheld, asked for or not: else whoever asks for one element at a time would be
    told which there are."""

    sealed: SealedVersion
    patient: str
    names: tuple[str, ...]
    classes: frozenset[DataClass]
    complete: bool
    shape: Shape = WHOLE

    @property
    def target(self) -> Target:
        return Target(self.sealed.type, self.sealed.id, self.sealed.version, self.patient)


def decide(authority: Authority, verb: Verb, sealed: SealedVersion, patient: str, shape: Shape = WHOLE) -> View | None:
    """The view of a version that isn't a deletion; None where the caller may see nothing of it."""
    classes = frozenset(classes_in(sealed).values())
    return view_of(sealed, patient, authority.granted(verb, sealed.type, patient, classes), shape)


def view_of(sealed: SealedVersion, patient: str, granted: frozenset[DataClass], shape: Shape = WHOLE) -> View | None:
    """The same once it is known which of the version's classes are granted."""
    if not granted:
        return None
    elements = classes_in(sealed)
    seen = visible(elements, granted)
    names = _asked_for(shape, sealed.type, seen)
    classes = frozenset(elements[name] for name in names) or granted
    complete = originals(sealed).keys() <= set(seen)
    return View(sealed, patient, tuple(names), classes, complete=complete, shape=shape)


def _asked_for(shape: Shape, type: str, names: list[str]) -> list[str]:
    # Generalised forms are opened together: one of them alone could tell an age over 89 that another one hides.
    return names if any(map(is_general, names)) else shape.names(type, names)


def release(
    trail: Trail,
    sealed: SealedVersion | None,
    action: Action | None = None,
    shape: Shape = WHOLE,
    needs: Collection[str] = (),
) -> Released:
    """Answer a read of one version. Raises NotFound where there is none, AccessDenied where the caller may see
    nothing of it, or not all that it has of the members ``needs``, and Gone, to those who might have seen something,
    where it is a deletion."""
    if sealed is None:
        raise NotFound(f"{trail.target.resource} not found")
    owner = owner_of_sealed(trail, sealed)
    trail.about(version=sealed.version, patient=owner.patient)
    authority = Authority(trail)
    if sealed.envelope is None:
        refuse_deleted(authority, "read", sealed, owner.patient)
    view = decide(authority, "read", sealed, owner.patient, shape)
    if view is None or any(name in originals(sealed) and name not in view.names for name in needs):
        raise AccessDenied(f"{sealed.type}: the caller may not read it")
    trail.record(trail.event(view.classes, action=action))
    return reveal(trail, view)


def refuse_deleted(authority: Authority, verb: Verb, sealed: SealedVersion, patient: str) -> NoReturn:
    """Gone for those who might act on something of the resource, AccessDenied for the others."""
    if authority.granted(verb, sealed.type, patient, EVERY_CLASS):
        raise Gone(f"{sealed.type} was deleted")
    raise AccessDenied(f"{sealed.type}: the caller may not {verb} it")


def reveal(trail: Trail, view: View) -> Released:
    """Open a view whose release is on record: ``trail.record`` comes first."""
    sealed = view.sealed
    members = open_elements(trail, sealed, view.names)
    if any(map(is_general, view.names)):
        shown = deidentified(trail, sealed, view.patient, members)
        return Released(sealed.type, shown.id, shown.version, None, _shaped(view, shown.body))
    return Released(sealed.type, sealed.id, sealed.version, sealed.at, _body(view, members))


def written(draft: Draft, change: Change) -> Released:
    """The answer to a write: what the caller sent, and of what was kept what they can see."""
    body = present(
        draft.shown,
        id=draft.id,
        resource_type=draft.type,
        version=draft.version,
        at=change.at,
        withheld=bool(draft.hidden),
    )
    return Released(draft.type, draft.id, draft.version, change.at, body)


def _body(view: View, members: Mapping[str, bytes]) -> bytes:
    sealed = view.sealed
    whole = present(
        members,
        id=sealed.id,
        resource_type=sealed.type,
        version=sealed.version,
        at=sealed.at,
        withheld=not view.complete,
    )
    return _shaped(view, whole)


def _shaped(view: View, body: bytes) -> bytes:
    if view.shape.is_whole:
        return body
    members, type = split(body), view.sealed.type
    kept = {"resourceType", "id", TYPES[type].patient_element, *view.shape.names(type, members)}
    return join(view.shape.finish({name: value for name, value in members.items() if name in kept}))
