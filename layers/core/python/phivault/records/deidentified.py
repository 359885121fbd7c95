"""De-identified resources, put together from their generalised forms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from phivault.phi.generalise import present as present_general
from phivault.records import pseudonyms
from phivault.records.events import Trail
from phivault.records.fhir_meta import present
from phivault.records.general_names import member_of
from phivault.records.json_members import encode, join, split
from phivault.records.store import SealedVersion
from phivault.records.types import TYPES


@dataclass(frozen=True, slots=True)
class Deidentified:
    """``version`` is 0 where it isn't told. Prints without the body."""

    id: str
    version: int
    body: bytes = field(repr=False)


def deidentified(trail: Trail, sealed: SealedVersion, patient: str, members: Mapping[str, bytes]) -> Deidentified:
    """FHIR JSON of ``members``, the generalised forms; when a version was written would date the patient's care (45 CFR
    164.514(b)(2)(i)(C)), so it isn't in it.

    To a researcher the resource has pseudonyms instead of ids, its patient's among them, and no version: how often a
    record was changed is known to whoever keeps it, too.
    """
    names = pseudonyms.of_call(trail)
    id = names.of(sealed.type, sealed.id) if names else sealed.id
    resource = split(_whole(trail, sealed, id, members))
    meta = split(resource["meta"])
    del meta["lastUpdated"]
    if names:
        del meta["versionId"]
        resource |= _link(names, sealed.type, patient)
    return Deidentified(id, 0 if names else sealed.version, join(resource | {"meta": join(meta)}))


def _whole(trail: Trail, sealed: SealedVersion, id: str, members: Mapping[str, bytes]) -> bytes:
    forms = {member_of(name): value for name, value in members.items()}
    shown = present_general(forms, trail.records.now().date())
    return present(shown, id=id, resource_type=sealed.type, version=sealed.version, at=sealed.at, withheld=True)


def _link(names: pseudonyms.Pseudonyms, type: str, patient: str) -> dict[str, bytes]:
    """The element that says whose data this is, so that one person's joins."""
    element = TYPES[type].patient_element
    return {element: encode({"reference": f"Patient/{names.of('Patient', patient)}"})} if element else {}
