"""Other shapes of an event, for those who don't read ours. A shape proves nothing: the stored line does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from phivault.audit.canonical import EventLine

type Projection = Callable[[EventLine], dict[str, Any]]
"""A pure function: total over every line that ``canonical.parse`` accepts, its result made of JSON's types alone.
It opens nothing: what is sealed stays out."""
