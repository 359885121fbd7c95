"""From the members of a resource to its sealed version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from phivault.crypto.element import Element, SealContext
from phivault.crypto.envelope import seal as seal_elements
from phivault.phi.catalogue import classify
from phivault.phi.data_class import DataClass
from phivault.phi.generalise import generalise
from phivault.records.authorise import Owner
from phivault.records.events import Target, Trail
from phivault.records.store import SealedVersion

GENERALISED = "deidentified."
RESOURCE_TYPE = "resourceType"


@dataclass(frozen=True, slots=True)
class Draft:
    """A version that is allowed and valid, but not sealed yet. Prints without its members.

    ``members`` are the client's, without ``resourceType``, ``id`` and what the server says in ``meta``; ``hidden``
    names those that the caller can't see: they are sealed again but don't go back out.
    """

    type: str
    id: str
    version: int
    owner: Owner
    members: Mapping[str, bytes] = field(repr=False)
    hidden: frozenset[str] = frozenset()

    @property
    def target(self) -> Target:
        return Target(self.type, self.id, self.version, self.owner.patient)

    @property
    def shown(self) -> dict[str, bytes]:
        return {name: value for name, value in self.members.items() if name not in self.hidden}


def classes_of(type: str, members: Mapping[str, bytes]) -> frozenset[DataClass]:
    """The data classes of these members; that the resource exists is administrative."""
    return frozenset({DataClass.ADMINISTRATIVE, *(classify(type, name) for name in members)})


def seal(trail: Trail, draft: Draft) -> SealedVersion:
    """Seal every member under its class, and beside them the generalised forms that a de-identified read opens.

    Writers who race for one version each seal under a salt of their own: the envelope draws it.
    """
    subject = draft.owner.subject
    key = trail.records.keys.for_sealing(trail.tenant, subject)
    context = SealContext(trail.tenant, subject, draft.type, draft.id, draft.version)
    envelope = seal_elements(key, context, _elements(draft.type, draft.members))
    return SealedVersion(draft.type, draft.id, draft.version, subject, trail.records.now(), envelope)


def _elements(type: str, members: Mapping[str, bytes]) -> list[Element]:
    # The type is sealed too: an envelope holds at least one element, and a resource may have no other.
    elements = [Element(RESOURCE_TYPE, DataClass.ADMINISTRATIVE.value, f'"{type}"'.encode())]
    elements += [Element(name, classify(type, name).value, value) for name, value in members.items()]
    general = generalise(type, members)
    return elements + [Element(GENERALISED + name, DataClass.DEIDENTIFIED.value, general[name]) for name in general]
