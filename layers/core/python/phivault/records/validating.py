"""Say what a create would say of a resource, and keep nothing of it. FHIR R4: the operation ``$validate``.

http://hl7.org/fhir/R4/resource-operation-validate.html
"""

from __future__ import annotations

from collections.abc import Mapping

from phivault.audit.event import Action
from phivault.errors import AccessDenied, ContentTooLarge, InvalidInput, Unprocessable
from phivault.records.authorise import EVERY_CLASS, Ask, Authority
from phivault.records.call import Call
from phivault.records.create import new_draft
from phivault.records.events import Target, Trail
from phivault.records.json_members import parse, split, split_array
from phivault.records.operation_outcome import informational, operation_outcome
from phivault.records.reach import require_there
from phivault.records.references import references
from phivault.records.service import Records
from phivault.records.subject import patient_of
from phivault.records.types import known


def validating(records: Records, call: Call, type: str, body: bytes) -> bytes:
    """The OperationOutcome of a create of the resource in ``body``, or in the parameter ``resource`` of Parameters
    there: errors by place and rule, never by value, or the information that nothing is wrong.

    Raises AccessDenied for who may not create it, InvalidInput for a body that isn't JSON or asks for something else,
    or Unavailable.
    """
    with Trail(records, call, Action.VALIDATE, Target(known(type))) as trail:
        members = _resource(split(body))
        answer = _said_of(trail, members)
        trail.target = Target(type, patient=trail.target.patient)
        trail.record(trail.event())
        return answer


def _resource(body: Mapping[str, bytes]) -> Mapping[str, bytes]:
    if "resourceType" not in body or parse(body["resourceType"]) != "Parameters":
        return body
    resources = []
    for place, item in enumerate(split_array(body.get("parameter", b"[]"))):
        parameter = split(item)
        name = parse(parameter.get("name", b"null"))
        if name == "resource" and "resource" in parameter:
            resources.append(split(parameter["resource"]))
        elif name != "mode" or parse(parameter.get("valueCode", b"null")) != "create":
            raise InvalidInput(f"Parameters.parameter[{place}] is neither resource nor mode with the code create")
    if len(resources) != 1:
        raise InvalidInput("Parameters.parameter has one resource")
    return resources[0]


def _said_of(trail: Trail, members: Mapping[str, bytes]) -> bytes:
    kind, id = trail.target.resource, trail.records.new_id()
    authority = Authority(trail, new=[id])
    _require_any(trail, authority, kind, id, members)
    try:
        draft = new_draft(trail, authority, Target(kind, id), members)
        require_there(trail, authority, draft.target, references(draft.members))
    except (ContentTooLarge, InvalidInput, Unprocessable) as error:
        return operation_outcome(error)
    return informational("Nothing is wrong with it")


def _require_any(trail: Trail, authority: Authority, kind: str, id: str, members: Mapping[str, bytes]) -> None:
    """Raise AccessDenied for who may create nothing of this type: about the patient whom it names, about themselves,
    about a new one or, where it is about nobody, at all. What is wrong is told to nobody else."""
    try:
        named = patient_of(kind, id, members)
    except (InvalidInput, Unprocessable):
        named = id
    patients = {""} if named is None else {named, id, trail.call.principal.patient_id or id}
    asked = [Ask("create", kind, patient, EVERY_CLASS) for patient in sorted(patients)]
    if not any(authority.granted_all(asked)):
        raise AccessDenied(f"{kind}: the caller may not create it")
