"""What a line of the audit log accounts for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from phivault.audit.event import Action
from phivault.audit.reconcile.claims import Mention
from phivault.errors import IntegrityError, InvalidInput

TENANT: Final = "Tenant"
INDEX: Final = "Index"
"""The subject of the key that search tokens are made under: every write and many a search take it."""
RECONCILIATION: Final = "Reconciliation"
"""The resource of events about the comparison itself."""
BY_GATEWAY: Final = "> gateway"
"""Of an event that is about a request, and so about something that passed the gateway."""
_REQUESTS: Final = "fhir."
_RELATED: Final = "RelatedPerson"
_USER: Final = "User"
_UNATTRIBUTED: Final = "Unattributed"
_KEY: Final = "SubjectKey"
_PROJECT: Final = "project:"
"""Before the research project's name, in a flag of what was asked for in it: its key makes the pseudonyms."""
_READ: Final = (
    "action",
    "tenant",
    "request_id",
    "patient",
    "personal_subject",
    "user_id",
    "resource",
    "resource_id",
)


def of_line(line: bytes) -> Mention | None:
    """An event's moment, every subject whose key it accounts for, its tenant's own and its request; None for a
    writer's first line. Raises IntegrityError for what is no line of the log (whether it is a *true* one, the
    verifier says), InvalidInput for a line that an export for one tenant withholds."""
    try:
        members = json.loads(line)
        kind = members["kind"]
        if kind == "event":
            values = {name: members[name] for name in _READ}
            if not all(isinstance(value, str) for value in values.values()):
                raise TypeError
            keys = [*_keys(values), *_projects(values["tenant"], members["flags"])]
            return Mention(datetime.fromisoformat(members["timestamp"]).timestamp(), tuple(dict.fromkeys(keys)))
    except (ValueError, KeyError, TypeError, RecursionError):
        raise IntegrityError("A line of the log is none that this version knows") from None
    if kind == "withheld":
        raise InvalidInput("The export withholds lines: reconcile with an export of all tenants")
    if kind != "genesis":
        raise IntegrityError("A line of the log is none that this version knows")
    return None


def of_subject(tenant: str, subject: str) -> str:
    return f"{tenant} {subject}"


def of_request(id: str) -> str:
    return f" {id}"


def of_opening(tenant: str) -> str:
    """Of an export that opens the personal fields of everybody in a tenant."""
    return f"{tenant} *"


def of_finding(resource: str, id: str) -> str:
    """Of what an earlier reconciliation recorded. With the resource, since clients may choose a request's id."""
    return f"! {resource} {id}"


def accounts_for(tenant: str, subject: str) -> Iterator[str]:
    """The keys, any of which accounts for an unwrap of this subject's key."""
    yield of_subject(tenant, subject)
    for type in (_RELATED, _USER, _UNATTRIBUTED):
        if subject.startswith(type + "/"):
            yield of_subject(tenant, f"{type}/*")


def opens(tenant: str, _: str) -> Iterator[str]:
    """The same for the exporter, which records each tenant whose people it opens."""
    yield of_opening(tenant)


def _users(event: dict[str, Any]) -> Iterator[str]:
    if event["user_id"]:
        yield event["user_id"]
    if event["resource"] == _USER and event["resource_id"]:
        yield event["resource_id"]
    if event["action"] in (Action.USER_LIST, Action.USER_EXPORT):  # they open a page's addresses, and name none
        yield "*"


def _projects(tenant: str, flags: list[str]) -> Iterator[str]:
    for flag in flags:
        if isinstance(flag, str) and flag.startswith(_PROJECT):
            yield of_subject(tenant, f"Project/{flag.removeprefix(_PROJECT)}")


def _keys(event: dict[str, Any]) -> Iterator[str]:
    tenant = event["tenant"]
    yield of_request(event["request_id"])
    yield of_subject(tenant, TENANT)
    yield of_subject(tenant, INDEX)
    if event["patient"]:
        yield of_subject(tenant, f"Patient/{event['patient']}")
    if event["personal_subject"]:
        yield of_subject(tenant, event["personal_subject"])
    if event["personal_subject"].startswith(_UNATTRIBUTED + "/"):
        # Who isn't known yet goes on today with what yesterday's key sealed: an invitation is good for days.
        yield of_subject(tenant, f"{_UNATTRIBUTED}/*")
    for user in _users(event):
        yield of_subject(tenant, f"{_USER}/{user}")
    if event["resource"] == _RELATED:
        # Whose relation somebody is stands sealed under their own key, which a search opens before it decides:
        # its intent names the type alone.
        yield of_subject(tenant, f"{_RELATED}/{event['resource_id'] or '*'}")
    if event["resource"] == _KEY:
        yield of_subject(tenant, event["resource_id"].replace(":", "/", 1))
    if event["action"] == Action.AUDIT_OPEN:
        yield of_opening(tenant)
    if event["action"] == Action.AUDIT_RECONCILE and event["resource_id"]:
        yield of_finding(event["resource"], event["resource_id"])
    if event["action"].startswith(_REQUESTS):
        yield BY_GATEWAY
