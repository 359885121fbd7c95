"""The statements of searches by tokens and of lists in another order than that of ids (migration 0009), and what keeps
lists within a number of bytes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, LiteralString

from phivault.records.store import Holding, HoldingType

FIND: Final[LiteralString] = """SELECT type, id, version, subject, at, envelope, patient FROM app.find(
  %b, %b, %b::bytea[], %b::bigint[], %t::text[], %t::text[], %b::timestamptz, %b::timestamptz, %b, %b, %b::bigint,
  %b::bigint)"""
RECENT: Final[LiteralString] = """SELECT type, id, version, subject, at, envelope FROM app.recent(
  %b, %b, %b::boolean, %b::boolean, %b::bytea[], %b::bigint[], %t::text[], %t::text[], %b::timestamptz,
  %b::timestamptz, %b::timestamptz, %b, %b::bigint, %b::bigint)"""

_BOUNDED_FROM: Final[LiteralString] = """SELECT type, id, version, subject, at, envelope FROM (
  SELECT f.*, sum(octet_length(f.envelope)) OVER (ORDER BY f.place ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
    AS behind
  FROM """
_BOUNDED: Final[LiteralString] = """ WITH ORDINALITY AS f (tenant_id, type, id, version, subject, at, envelope, place)
) AS b WHERE coalesce(b.behind, 0) < %b::bigint ORDER BY b.place"""


def within_room(call: LiteralString) -> LiteralString:
    """The rows of a function that answers phi.resources, in its order, none behind so many bytes of envelopes (one
    parameter more). Only the lengths of the others are looked at: PostgreSQL keeps what is long in a place of its
    own, and fetches it when it is sent."""
    return _BOUNDED_FROM + call + _BOUNDED


AMONG: Final = within_room(
    "app.search_among_holding(%b, %b, %t::text[], %b::bytea[], %b::bytea[], %t::text[], %b, %b::bigint)"
)
RECENT_AMONG: Final = within_room(
    """app.recent_holding(%b, %b, %b::boolean, %b::boolean, %t::text[], %b::bytea[], %b::bytea[], %t::text[],
  %b::timestamptz, %b::timestamptz, %b::timestamptz, %b, %b::bigint)"""
)


def of_groups(groups: Sequence[Sequence[bytes]]) -> tuple[list[bytes], list[int]]:
    """Every token, and beside it the number of its group."""
    marked = [(token, number) for number, group in enumerate(groups) for token in group]
    return [token for token, _ in marked], [number for _, number in marked]


def of_find(
    type: str,
    groups: Sequence[Sequence[bytes]],
    patients: Sequence[str] | None,
    ids: Sequence[str] | None,
    bounds: tuple[datetime | None, datetime | None],
    after: tuple[str, str],
    limits: tuple[int, int],
) -> tuple[Any, ...]:
    return (type, *of_groups(groups), _list(patients), _list(ids), *bounds, *after, *limits)


def of_recent(
    type: str,
    order: tuple[bool, bool],
    groups: Sequence[Sequence[bytes]],
    subjects: Sequence[str] | None,
    ids: Sequence[str] | None,
    bounds: tuple[datetime | None, datetime | None],
    after: tuple[datetime, str] | None,
    limits: tuple[int, int],
) -> tuple[Any, ...]:
    place = after or (None, "")
    return (type, *order, *of_groups(groups), _list(subjects), _list(ids), *bounds, *place, *limits)


def of_among(
    type: str, among: Sequence[Holding], ids: Sequence[str] | None, after: str, limits: tuple[int, int]
) -> tuple[Any, ...]:
    return (type, *_of_holdings(among), _list(ids), after, *limits)


def of_recent_among(
    type: str,
    order: tuple[bool, bool],
    among: Sequence[Holding],
    ids: Sequence[str] | None,
    bounds: tuple[datetime | None, datetime | None],
    after: tuple[datetime, str] | None,
    limits: tuple[int, int],
) -> tuple[Any, ...]:
    place = after or (None, "")
    return (type, *order, *_of_holdings(among), _list(ids), *bounds, *place, *limits)


def _of_holdings(among: Sequence[Holding]) -> tuple[list[str], list[bytes], list[bytes]]:
    return [each.subject for each in among], [each.found for each in among], [each.shown for each in among]


def of_holding_types(types: Sequence[HoldingType]) -> tuple[list[str], list[bytes], list[bytes]]:
    return [each.type for each in types], [each.found for each in types], [each.shown for each in types]


def _list(values: Sequence[str] | None) -> list[str] | None:
    return None if values is None else list(values)
