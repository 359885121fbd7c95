"""Bodies about grants, and the rules of what may be granted to whom, for how long."""

from __future__ import annotations

from collections.abc import Set
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from phivault.access.purpose import PurposeOfUse
from phivault.access.roles import Role
from phivault.errors import InvalidInput, Unprocessable
from phivault.inputs import Body, rule
from phivault.permissions.grants.state import Grant, Kind, Relation, Terms
from phivault.permissions.inputs import OpaqueId, Seconds, Version
from phivault.permissions.people import Member
from phivault.phi.data_class import DataClass

_DAY: Final = 24 * 3600
# A year counts as 366 days and every fourth as one more, so that "the same day" is within for all.
LONGEST: Final[dict[Kind | Relation, int]] = {
    Kind.ACCESS: 366 * _DAY,
    Relation.CARER: 731 * _DAY,
    Relation.PARENT: 7305 * _DAY,
    Relation.GUARDIAN: 7305 * _DAY,
    Kind.PROJECT: 1827 * _DAY,
}
"""Seconds from now until which a grant may last."""
GRANTEES: Final = {
    Kind.ACCESS: frozenset({Role.CLINICIAN, Role.CARE_COORDINATOR, Role.PRIVACY_OFFICER}),
    Kind.DELEGATE: frozenset({Role.PATIENT}),
    Kind.PROJECT: frozenset({Role.RESEARCHER}),
}
"""Whom a policy would let use it. Nobody who administers or audits is given PHI."""
MEMBERS: Final[dict[Kind, Set[str]]] = {
    Kind.ACCESS: {"patient", "classes", "purposes"},
    Kind.DELEGATE: {"patient", "relation", "classes"},
    Kind.PROJECT: {"project"},
}
"""Beside kind, user_id and until, all of which a grant of this kind has; access may have ``starts``."""
_TERMS: Final[Set[str]] = {"classes", "purposes"}
_OPTIONAL: Final = ("patient", "relation", "project", "classes", "purposes", "starts")
DELEGATES_PURPOSES: Final = (PurposeOfUse.PATIENT_REQUEST.value,)

# De-identified data goes to researchers, by their projects.
type Grantable = Literal[
    DataClass.ADMINISTRATIVE, DataClass.CONTACT, DataClass.IDENTIFYING, DataClass.CLINICAL, DataClass.SENSITIVE
]
type Classes = Annotated[list[Grantable], Field(min_length=1, max_length=5)]
type Purposes = Annotated[
    list[Literal[PurposeOfUse.TREATMENT, PurposeOfUse.PAYMENT, PurposeOfUse.OPERATIONS]],
    Field(min_length=1, max_length=3),
]
type Project = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,64}$")]


class _Terms(Body):
    until: Seconds
    classes: Classes | None = None
    purposes: Purposes | None = None
    starts: Seconds | None = None

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        for values in (self.classes or (), self.purposes or ()):
            if len(set(values)) < len(values):
                raise rule("names a class or a purpose twice")
        return self


class ProposeGrant(_Terms):
    """``user_id`` is who is given it, of a delegate's a user of role patient; ``starts`` is now unless given. Which
    further members there are depends on the kind: see MEMBERS."""

    kind: Kind
    user_id: OpaqueId
    patient: OpaqueId | None = None
    relation: Relation | None = None
    project: Project | None = None

    @model_validator(mode="after")
    def _those_of_its_kind(self) -> Self:
        _require_members(self, self.kind, MEMBERS[self.kind])
        return self


class ChangeGrant(_Terms):
    """New terms in place of ``base_version``'s, all of those that its kind has. Whom a grant is for, and about whom,
    never changes: that is another grant."""

    base_version: Version


class ApproveGrant(Body):
    """``version`` is the one that was looked at: what was put in its place meanwhile isn't approved by it."""

    version: Version


class RollBackGrant(Body):
    version: Version


def terms_of(kind: Kind, asked: ProposeGrant | ChangeGrant, now: int) -> Terms:
    """Raises InvalidInput where members are missing for this kind, or too many."""
    try:
        _require_members(asked, kind, MEMBERS[kind] if isinstance(asked, ProposeGrant) else MEMBERS[kind] & _TERMS)
    except PydanticCustomError as error:
        raise InvalidInput(f"body: {error.message()}") from None
    purposes = DELEGATES_PURPOSES if kind is Kind.DELEGATE else asked.purposes or ()
    return Terms(
        classes=tuple(sorted(str(one) for one in asked.classes or ())),
        purposes=tuple(sorted(str(one) for one in purposes)),
        starts=now if asked.starts is None else asked.starts,
        until=asked.until,
    )


def check(grant: Grant, terms: Terms, grantee: Member, now: int) -> None:
    """Whether this may be granted to this user now. Raises Unprocessable."""
    if grantee.role not in GRANTEES[grant.kind]:
        raise Unprocessable("user_id: nobody of this role is given a grant of this kind")
    if grant.kind is Kind.DELEGATE and grantee.patient_id == grant.patient:
        raise Unprocessable("user_id: this is the patient, who needs no delegation")
    if not max(terms.starts, now) < terms.until <= now + longest(grant):
        raise Unprocessable("until: it is over before it begins, or it lasts longer than this kind may")


def longest(grant: Grant) -> int:
    return LONGEST[Relation(grant.relation) if grant.kind is Kind.DELEGATE else grant.kind]


def _require_members(body: _Terms, kind: Kind, wanted: Set[str]) -> None:
    optional = {name for name in _OPTIONAL if getattr(body, name, None) is not None}
    if optional - ({"starts"} if kind is Kind.ACCESS else set()) != wanted:
        also = ", starts where it begins later" if kind is Kind.ACCESS else ""
        raise rule(f"takes of a grant of kind {kind}: {', '.join(sorted(wanted)) or 'none'}{also}")
