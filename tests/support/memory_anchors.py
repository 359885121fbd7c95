"""Anchors in memory that keep the contract and can be out of reach."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from phivault.errors import Unavailable
from phivault.records.anchors import Resource


class MemoryAnchors:
    """``noted`` is by (tenant, type, id). ``down`` refuses both calls, ``deaf`` what is to be noted alone."""

    def __init__(self) -> None:
        self.noted: dict[tuple[str, str, str], int] = {}
        self.down = False
        self.deaf = False
        self.loads = 0

    def load(self, tenant: str, resources: Collection[Resource]) -> Callable[[], Mapping[Resource, int]]:
        if self.down:
            raise Unavailable("The anchors are out of reach")
        self.loads += 1
        return lambda: {one: self.noted[tenant, *one] for one in resources if (tenant, *one) in self.noted}

    def advance(self, tenant: str, versions: Mapping[Resource, int]) -> None:
        if self.down or self.deaf:
            raise Unavailable("The anchors are out of reach")
        for resource, version in versions.items():
            known = self.noted.get((tenant, *resource), 0)
            self.noted[tenant, *resource] = max(known, version)
