"""``phivault access explain``: why a request is decided as it is, and what would turn a denial."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from phivault.access.purpose import PurposeOfUse
from phivault.access.roles import Role
from phivault.cli.access.hypothetical import Supposed, supposed
from phivault.cli.access.shown import show
from phivault.cli.signed_in import signed_in
from phivault.errors import AccessDenied, InvalidInput, NotFound, PhivaultError, Unauthenticated
from phivault.phi.data_class import DataClass

_OFFLINE = "With --offline"
_PLACE = "/v1/admin/policies/explain"


def _offline(name: str, help: str, metavar: str | None = None) -> Any:
    return typer.Option(name, help=help, rich_help_panel=_OFFLINE, metavar=metavar)


def explain(  # the command line's own options
    by: Annotated[str, typer.Option("--as", help="Ask as this user of the local stack; else as auditor.")] = "",
    tenant: Annotated[str, typer.Option(help="Of this tenant; else of the first.")] = "",
    user: Annotated[str, typer.Option(help="The user by their id, with the facts as they stand now.")] = "",
    role: Annotated[Role | None, typer.Option(help="Instead of a user: anybody of this role.")] = None,
    action: Annotated[str, typer.Option(help="read, create, update, delete, search, audit:search ...")] = "read",
    purpose: Annotated[PurposeOfUse | None, typer.Option()] = None,
    type: Annotated[str, typer.Option(help="The resource type.")] = "Observation",
    patient: Annotated[str, typer.Option(help="The patient by their id; else one without any relation.")] = "",
    project: Annotated[str, typer.Option(help="The research project that is asked for.")] = "",
    classes: Annotated[list[DataClass] | None, typer.Option("--class", help="Only these data classes.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
    offline: Annotated[bool, typer.Option(help="Decide what is supposed here, without a stack.")] = False,
    policies: Annotated[Path | None, _offline("--policies", "A tenant's own policies, a Cedar file.")] = None,
    care_team: Annotated[bool, _offline("--care-team", "They are in the care team.")] = False,
    sensitive: Annotated[bool, _offline("--sensitive-membership", "It names the sensitive class.")] = False,
    grant: Annotated[list[DataClass] | None, _offline("--grant", "They have a grant.", "CLASS")] = None,
    delegation: Annotated[list[DataClass] | None, _offline("--delegation", "They are a delegate.", "CLASS")] = None,
    consent: Annotated[list[DataClass] | None, _offline("--consent", "A consent releases it to them.", "CLASS")] = None,
    denial: Annotated[list[DataClass] | None, _offline("--denial", "A consent denies it to them.", "CLASS")] = None,
    opened: Annotated[bool, _offline("--consent-for-sensitive", "A consent opens the sensitive class.")] = False,
    restricted: Annotated[bool, _offline("--restricted", "Processing is restricted.")] = False,
    glass: Annotated[bool, _offline("--broken-glass", "They broke the glass.")] = False,
    approved: Annotated[bool, _offline("--project-approval", "They are approved for the project.")] = False,
    own: Annotated[bool, _offline("--own-record", "The record is their own.")] = False,
    new: Annotated[bool, _offline("--new-patient", "The request creates the patient.")] = False,
    recent: Annotated[bool, _offline("--recent-sign-in", "They signed in within five minutes.")] = False,
    without: Annotated[bool, _offline("--without-second-factor", "The session passed none.")] = False,
) -> None:
    """Show which policies decide, and what is missing where they deny.

    Exit status 0 when it is explained, 1 when the caller may not ask, nobody is signed in or known, 2 for input that
    can't be used, 3 for an outage.
    """
    try:
        if offline:
            if role is None or user or patient or project:
                raise InvalidInput("--offline takes --role and what is supposed, and no id of anybody")
            facts = {
                "in_care_team": care_team,
                "team_sees_sensitive": sensitive,
                "granted": frozenset(grant or ()),
                "delegated": frozenset(delegation or ()),
                "permits": frozenset(consent or ()),
                "denies": frozenset(denial or ()),
                "opened": opened,
                "restricted": restricted,
                "emergency": glass,
                "is_new": new,
            }
            about = Supposed(role, action, purpose, type, own, approved, recent, not without, policies)
            found = supposed(about, facts, classes or list(DataClass))
        else:
            body = _body(user, role, action, purpose, type, patient, project, classes)
            found = signed_in(by, tenant, otherwise="auditor").call("POST", _PLACE, body)
    except PhivaultError as error:
        typer.echo(error.detail or error.title, err=True)
        refused = isinstance(error, AccessDenied | NotFound | Unauthenticated)
        raise typer.Exit(1 if refused else 2 if isinstance(error, InvalidInput) else 3) from None
    if as_json:
        typer.echo(json.dumps(found, indent=2))
    else:
        show(found)


def _body(
    user: str,
    role: Role | None,
    action: str,
    purpose: PurposeOfUse | None,
    type: str,
    patient: str,
    project: str,
    classes: list[DataClass] | None,
) -> dict[str, Any]:
    of_data = ":" not in action
    named = {
        "user_id": user,
        "hypothetical": {"role": role.value} if role else None,
        "action": action,
        "purpose": purpose and purpose.value,
        "resource_type": type if of_data else "",
        "patient": patient,
        "project": project,
        "classes": [each.value for each in classes or ()],
    }
    return {name: value for name, value in named.items() if value}
