"""A part of a long work: as much as there is time for, and where to go on."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from phivault.audit.system import NO_TENANT
from phivault.errors import InvalidInput, Unprocessable
from phivault.records.reseal import owns_rows
from phivault.rotation.service import Rotation

PAGE: Final = 50
"""Subjects that are looked at together."""
_MOST_NAMED: Final = 20
_TENANT = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(slots=True)
class Slice:
    """What is asked for, and what became of it. ``by`` is the operator's id; ``after`` the place behind which work
    begins ("" at first) and goes on in the next slice, if ``more`` is left; ``until`` ends the work, by
    time.monotonic."""

    tenant: str
    subject: str
    by: str
    after: str
    until: float
    more: bool = True
    wait: float = 0.0
    counts: dict[str, int] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    _stopped: bool = False

    @property
    def over(self) -> bool:
        return time.monotonic() >= self.until

    def count(self, name: str, number: int = 1) -> None:
        self.counts[name] = self.counts.get(name, 0) + number

    def refuse(self, what: str) -> None:
        """Name what stays as it is because it doesn't open."""
        self.count("refused")
        if len(self.refused) < _MOST_NAMED:
            self.refused.append(what)

    def pages(self, rotation: Rotation) -> Iterator[list[str]]:
        """The subjects asked for that own rows, a page at a time while there is time. A page is done when the next is
        asked for, unless the work was stopped within it."""
        check(self.tenant, self.subject)
        while self.more:
            page = [self.subject] if self.subject else rotation.rows.subjects(self.tenant, self.after, PAGE)
            yield [subject for subject in page if owns_rows(subject)]
            if self._stopped:
                return
            self.more = not self.subject and len(page) == PAGE
            self.after = page[-1] if page else self.after
            if self.over:
                return

    def stop(self, page: Sequence[str], subject: str) -> None:
        """End here: this subject of the page comes next."""
        earlier = [other for other in page if other < subject]
        self.after = earlier[-1] if earlier else self.after
        self._stopped = True

    def said(self) -> dict[str, Any]:
        """As the function answers it. ``wait`` is in whole seconds."""
        place = self.after if self.more else None
        return {"after": place, "wait": max(0, -int(-self.wait // 1)), **self.counts, "refused_rows": self.refused}


def check(tenant: str, subject: str) -> None:
    """Raises InvalidInput for what is no tenant's id, Unprocessable for a subject whose key isn't rotated."""
    if not _TENANT.fullmatch(tenant) or tenant == NO_TENANT:
        raise InvalidInput("A tenant is named by its id")
    if subject and not owns_rows(subject):
        raise Unprocessable("Only the keys of Patient/<id>, RelatedPerson/<id> and Tenant are rotated: they seal rows")
