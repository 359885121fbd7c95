"""What bodies and pages about permissions have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Final

from pydantic import Field

from phivault.errors import InvalidInput
from phivault.inputs import known, whole_number
from phivault.permissions.call import OPAQUE_ID

MOST_SECONDS: Final = 1 << 40
"""No time that anybody means comes after; below it, sums of times stay exact in every reader of JSON."""

type OpaqueId = Annotated[str, Field(pattern=f"^{OPAQUE_ID.pattern}$")]
type Version = Annotated[int, Field(ge=0, lt=10**9)]
type Seconds = Annotated[int, Field(ge=0, lt=MOST_SECONDS)]


def page(parameters: Mapping[str, str], names: Sequence[str], most: int) -> tuple[dict[str, str], str, int]:
    """The filters among ``names`` (opaque ids), the id to go on after ("" from the start), and how many. Raises
    UnsupportedParameter or InvalidInput."""
    known(parameters, [*names, "cursor", "limit"])
    limit, ids = whole_number(parameters, "limit", most), {n: v for n, v in parameters.items() if n != "limit"}
    for name, value in ids.items():
        # A cursor says a place among the caller's own tenant's rows: whatever it holds, it leads nowhere else.
        if not OPAQUE_ID.fullmatch(value):
            what = "one that an earlier page answered" if name == "cursor" else "an id"
            raise InvalidInput(f"{name}: has to be {what}")
    return {name: ids[name] for name in names if name in ids}, ids.get("cursor", ""), limit
