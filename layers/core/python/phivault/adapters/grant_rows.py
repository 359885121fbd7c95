"""How grants stand in the table AccessState.

``T#<tenant>#GRANTS`` / ``<id>`` is a grant as it is: ``kind``, ``user_id``, ``patient``, ``relation``, ``project``,
``state``, ``latest``, ``version`` (the approved one's number, 0 for none), ``holds`` and ``waits`` (maps; no ``waits``
where nothing was proposed since), ``closed_by``, ``closed``; and ``expires``, the table's TTL attribute, as long as it
was never approved. ``T#<tenant>#GRANTS#<id>`` / ``V#<ten digits>`` is a version that was approved, never changed. What
decisions read of a grant stands as fact_rows says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from phivault.adapters import fact_rows
from phivault.adapters.session_rows import Row
from phivault.permissions.grants.state import Approved, Grant, Kind, State, Terms, Waiting

VERSION: Final = "V#"


def grants_partition(tenant: str) -> str:
    return f"{fact_rows.policies_key(tenant)['pk']}#GRANTS"


def grant_key(tenant: str, id: str) -> Row:
    return {"pk": grants_partition(tenant), "sk": id}


def version_key(tenant: str, id: str, version: int) -> Row:
    return {"pk": f"{grants_partition(tenant)}#{id}", "sk": f"{VERSION}{version:010}"}


def new_row(tenant: str, grant: Grant) -> Row:
    """Of a grant that was never approved."""
    assert grant.waiting is not None
    return grant_key(tenant, grant.id) | {
        "kind": grant.kind.value,
        "user_id": grant.user_id,
        "patient": grant.patient,
        "relation": grant.relation,
        "project": grant.project,
        "state": grant.state.value,
        "latest": grant.latest,
        "version": 0,
        "waits": version_map(grant.waiting),
        "expires": grant.waiting.expires,
    }


def version_map(version: Waiting | Approved) -> Row:
    return asdict(version) | {"terms": terms_map(version.terms)}


def terms_map(terms: Terms) -> Row:
    return asdict(terms) | {"classes": list(terms.classes), "purposes": list(terms.purposes)}


def grant_of(row: Mapping[str, Any]) -> Grant:
    holds, waits = row.get("holds"), row.get("waits")
    return Grant(
        id=row["sk"],
        kind=Kind(row["kind"]),
        user_id=row["user_id"],
        patient=row["patient"],
        relation=row["relation"],
        project=row["project"],
        state=State(row["state"]),
        latest=int(row["latest"]),
        holds=approved_of(holds) if holds else None,
        waiting=_waiting_of(waits) if waits else None,
        closed_by=row.get("closed_by", ""),
        closed=int(row.get("closed", 0)),
    )


def approved_of(row: Mapping[str, Any]) -> Approved:
    return Approved(
        version=int(row["version"]),
        terms=_terms_of(row["terms"]),
        proposed_by=row["proposed_by"],
        proposed=int(row["proposed"]),
        approved_by=row["approved_by"],
        approved=int(row["approved"]),
        restores=int(row["restores"]),
    )


def fact_place(tenant: str, grant: Grant) -> tuple[Row, str]:
    """The key of the row, and the attribute in it, where decisions read of the grant."""
    if grant.kind is Kind.PROJECT:
        return fact_rows.standing_key(tenant, grant.user_id), fact_rows.PROJECT + grant.id
    return fact_rows.user_key(tenant, grant.patient, grant.user_id), fact_rows.GRANT + grant.id


def fact_value(grant: Grant, terms: Terms) -> Row:
    if grant.kind is Kind.PROJECT:
        return {"project": grant.project, "starts": terms.starts, "until": terms.until}
    return {"kind": grant.kind.value, **terms_map(terms)}


def _waiting_of(row: Mapping[str, Any]) -> Waiting:
    return Waiting(
        version=int(row["version"]),
        terms=_terms_of(row["terms"]),
        proposed_by=row["proposed_by"],
        proposed=int(row["proposed"]),
        expires=int(row["expires"]),
        restores=int(row["restores"]),
    )


def _terms_of(row: Mapping[str, Any]) -> Terms:
    return Terms(
        classes=tuple(row["classes"]),
        purposes=tuple(row["purposes"]),
        starts=int(row["starts"]),
        until=int(row["until"]),
    )
