"""Whose signatures the sealer goes by."""

from __future__ import annotations

from collections.abc import Callable

from phivault.audit.log.note import VerifierKey
from phivault.errors import Unavailable


class WitnessKey:
    """The witness's verifier key: asked for until it is known, then kept."""

    def __init__(self, ask: Callable[[], VerifierKey]) -> None:
        self._ask = ask
        self._key: VerifierKey | None = None

    def known(self) -> VerifierKey | None:
        """None while the witness can't be reached: a checkpoint then counts as unwitnessed."""
        if self._key is None:
            try:
                self._key = self._ask()
            except Unavailable:
                return None
        return self._key
