"""What consents say about patients, as explanations need it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from phivault.access.facts import ConsentFacts
from phivault.access.principal import Principal
from phivault.access.purpose import Purpose


class Consents(Protocol):
    """What reads are decided by: the same adapter. Obligations: a Consent that was written, changed or withdrawn before
    the call is seen so. Raises Unavailable where they can't be read, IntegrityError where one was altered."""

    def load(self, principal: Principal, purpose: Purpose, patients: Collection[str]) -> dict[str, ConsentFacts]:
        """What the consents of each of ``patients`` (bare ids), in force now, say to the principal for this purpose.
        Those about whom nothing is said may be left out."""
