"""Finding the function for a request, as API Gateway does from the same table."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from functions.row import Function, Route


@dataclass(frozen=True, slots=True)
class Match:
    function: Function
    route: Route
    parameters: dict[str, str]


class Routes:
    """Literal segments win over ``{parameters}``."""

    def __init__(self, table: Iterable[Function]) -> None:
        rows = [(function, route) for function in table for route in function.routes]
        rows.sort(key=lambda row: row[1].path.count("{"))
        self._rows = [(re.compile(_pattern(route.path)), function, route) for function, route in rows]

    def find(self, method: str, path: str) -> Match | tuple[str, ...]:
        """The match, or the methods that the path allows (empty: no such path)."""
        allowed: list[str] = []
        for pattern, function, route in self._rows:
            if found := pattern.fullmatch(path):
                if route.method == method:
                    return Match(function, route, found.groupdict())
                allowed.append(route.method)
        return tuple(allowed)


def _pattern(path: str) -> str:
    # API Gateway takes a path with a slash at its end as the same without it.
    return re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(path)) + "/?"
