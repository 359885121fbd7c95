"""What leaves: decided, recorded, and only then opened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NoReturn

from phivault.audit.event import Action
from phivault.errors import AccessDenied, Gone, NotFound
from phivault.phi.data_class import DataClass
from phivault.phi.generalise import present as present_general
from phivault.records.authorise import EVERY_CLASS, Authority, Verb
from phivault.records.changes import Change
from phivault.records.events import Target, Trail
from phivault.records.fhir_meta import present
from phivault.records.json_members import join, split
from phivault.records.open import classes_in, is_general, open_elements, originals, owner_of_sealed, visible
from phivault.records.seal import GENERALISED, Draft
from phivault.records.store import SealedVersion


@dataclass(frozen=True, slots=True)
class Released:
    """A resource as this caller may see it, its release recorded. ``body`` is FHIR JSON. Prints without it.

    ``at`` is when the version was written; None in a de-identified view, where it would date the patient's care
    (45 CFR 164.514(b)(2)(i)(C)).
    """

    type: str
    id: str
    version: int
    at: datetime | None
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class View:
    """What of a sealed version a reader sees: decided, not opened yet."""

    sealed: SealedVersion
    patient: str
    names: tuple[str, ...]
    classes: frozenset[DataClass]
    complete: bool

    @property
    def target(self) -> Target:
        return Target(self.sealed.type, self.sealed.id, self.sealed.version, self.patient)


def decide(authority: Authority, verb: Verb, sealed: SealedVersion, patient: str) -> View | None:
    """The view of a version that isn't a deletion; None where the caller may see nothing of it."""
    elements = classes_in(sealed)
    granted = authority.granted(verb, sealed.type, patient, frozenset(elements.values()))
    if not granted:
        return None
    names = visible(elements, granted)
    classes = frozenset(elements[name] for name in names) or granted
    return View(sealed, patient, tuple(names), classes, complete=set(originals(sealed)) <= set(names))


def release(trail: Trail, sealed: SealedVersion | None, action: Action | None = None) -> Released:
    """Answer a read of one version. Raises NotFound where there is none, AccessDenied where the caller may see
    nothing of it, and Gone, to those who might have seen something, where it is a deletion."""
    if sealed is None:
        raise NotFound(f"{trail.target.resource} not found")
    owner = owner_of_sealed(trail, sealed)
    trail.about(version=sealed.version, patient=owner.patient)
    authority = Authority(trail)
    if sealed.envelope is None:
        refuse_deleted(authority, "read", sealed, owner.patient)
    view = decide(authority, "read", sealed, owner.patient)
    if view is None:
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
        return Released(sealed.type, sealed.id, sealed.version, None, _general_body(trail, sealed, members))
    return Released(sealed.type, sealed.id, sealed.version, sealed.at, _body(sealed, members, view.complete))


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


def _body(sealed: SealedVersion, members: Mapping[str, bytes], complete: bool) -> bytes:
    return present(
        members,
        id=sealed.id,
        resource_type=sealed.type,
        version=sealed.version,
        at=sealed.at,
        withheld=not complete,
    )


def _general_body(trail: Trail, sealed: SealedVersion, members: Mapping[str, bytes]) -> bytes:
    forms = {name.removeprefix(GENERALISED): value for name, value in members.items()}
    resource = split(_body(sealed, present_general(forms, trail.records.now().date()), complete=False))
    meta = split(resource["meta"])
    del meta["lastUpdated"]
    return join(resource | {"meta": join(meta)})
