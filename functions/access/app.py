"""The resolver that this function's routes register with."""

from __future__ import annotations

from phivault import web

app = web.resolver("access")
