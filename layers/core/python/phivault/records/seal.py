"""From the members of a resource to its sealed version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import InitVar, dataclass, field
from datetime import datetime

from phivault.crypto.element import Element, SealContext
from phivault.crypto.envelope import seal as seal_elements
from phivault.crypto.subject_key import SubjectKey
from phivault.phi.data_class import DataClass
from phivault.phi.generalise import generalise
from phivault.phi.marking import Marks, marks, stricter
from phivault.records.authorise import Owner
from phivault.records.chunks import in_pieces
from phivault.records.events import Target, Trail
from phivault.records.general_names import general_name
from phivault.records.index.key import IndexKey, index_key
from phivault.records.index.tokens import tokens
from phivault.records.store import SealedVersion

RESOURCE_TYPE = "resourceType"


@dataclass(frozen=True, slots=True)
class Draft:
    """A version that is allowed and valid, but not sealed yet. Prints without its members.

    ``members`` are the client's, without ``resourceType``, ``id`` and what the server says in ``meta``; ``hidden``
    names those that the caller can't see: they are sealed again but don't go back out. ``at_least`` are classes under
    which members stay, whatever today's marks say of them; that of ``resourceType`` is the resource's. ``found`` are
    today's marks where the caller has them already.
    """

    type: str
    id: str
    version: int
    owner: Owner
    members: Mapping[str, bytes] = field(repr=False)
    hidden: frozenset[str] = frozenset()
    at_least: Mapping[str, DataClass] = field(default_factory=dict)
    stood: frozenset[tuple[str, str]] = frozenset()
    marks: Marks = field(init=False)
    found: InitVar[Marks | None] = None

    def __post_init__(self, found: Marks | None) -> None:
        found = found or marks(self.type, self.members)
        kinds = {name: stricter(kind, self.at_least.get(name, kind)) for name, kind in found.members.items()}
        whole = stricter(found.resource, self.at_least.get(RESOURCE_TYPE, found.resource))
        object.__setattr__(self, "marks", Marks(whole, kinds))

    @property
    def target(self) -> Target:
        return Target(self.type, self.id, self.version, self.owner.patient)

    @property
    def shown(self) -> dict[str, bytes]:
        return {name: value for name, value in self.members.items() if name not in self.hidden}


def classes_of(draft: Draft) -> frozenset[DataClass]:
    """The data classes of what goes back to the caller; that the resource exists has one, too."""
    return frozenset({draft.marks.resource, *(draft.marks.members[name] for name in draft.shown)})


def seal(trail: Trail, draft: Draft) -> SealedVersion:
    """Seal every member under its class, and beside them the generalised forms that a de-identified read opens.

    Writers who race for one version each seal under a salt of their own: the envelope draws it.
    """
    key = trail.records.keys.for_sealing(trail.tenant, draft.owner.subject)
    return seal_with(key, index_key(trail.records.keys, trail.tenant), draft, trail.records.now())


def seal_with(key: SubjectKey, index: IndexKey, draft: Draft, at: datetime) -> SealedVersion:
    """The same under this key of the owner's, with its tokens under the tenant's."""
    context = SealContext(key.tenant, draft.owner.subject, draft.type, draft.id, draft.version)
    envelope = seal_elements(key, context, list(in_pieces(_elements(draft))))
    found = tokens(index, draft.type, draft.members, draft.hidden, draft.marks.members)
    return SealedVersion(
        draft.type, draft.id, draft.version, draft.owner.subject, at, envelope, draft.owner.patient, found
    )


def _elements(draft: Draft) -> list[Element]:
    # The type is sealed too: an envelope holds at least one element, and a resource may have no other.
    elements = [Element(RESOURCE_TYPE, draft.marks.resource.value, f'"{draft.type}"'.encode())]
    elements += [Element(name, draft.marks.members[name].value, value) for name, value in draft.members.items()]
    if draft.marks.resource is DataClass.SENSITIVE:
        return elements  # a generalised form would tell whoever has that class that there is something to tell
    general = generalise(draft.type, draft.members)
    return elements + [Element(general_name(name), DataClass.DEIDENTIFIED.value, general[name]) for name in general]
