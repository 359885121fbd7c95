"""Which code touches a place of the inventory: computed from the source, one rule for each kind of place.

A rule names modules that could read or write the place, rather too many than too few: who changes what is kept there
begins with them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property
from typing import Final

from phivault.phi import inventory
from phivault.phi.inventory import Form, Kind, Place
from phivault.phi.inventory_code import Code

SEALING: Final = ("phivault.crypto.envelope.seal", "phivault.crypto.envelope.unseal")
_EVENT: Final = "phivault.audit.event.AuditEvent"
_LOGGER: Final = ("logging.getLogger", "aws_lambda_powertools.logging.formatter.LambdaPowertoolsFormatter")
_WEB: Final = "phivault.web"
_VERBS: Final = re.compile(r"phivault\.(?:records|identity|audit|permissions)\.")
_TABLES: Final = {"AuditIndex": "dynamodb_audit_index", "SubjectKeys": "dynamodb_subject_keys"}
_BUCKETS: Final = {"witness_bucket": "s3_witness", "trail_bucket": "s3_trail"}


class Touches:
    """Answers for ``code``; ``functions`` of it is the package of handlers, where that is at hand."""

    def __init__(self, code: Code) -> None:
        self._code = code
        self._of_sealer: dict[str, frozenset[str]] = {}
        self._rules: dict[Kind, Callable[[Place], frozenset[str]]] = {
            Kind.FHIR: self._element,
            Kind.BODY: self._body,
            Kind.QUERY: self._parameter,
            Kind.PATH: self._braces,
            Kind.HEADER: self._header,
            Kind.CONNECTION: lambda _: code.importing("phivault.identity.source"),
            Kind.POSTGRES: self._column,
            Kind.DYNAMODB: self._row,
            Kind.S3: self._object,
            Kind.AUDIT: self._line,
            Kind.COGNITO: self._attribute,
            Kind.MESSAGE: lambda _: code.importing("phivault.identity.messages", "phivault.identity.sending"),
            Kind.ALERT: lambda _: code.importing("phivault.monitoring.alert"),
            Kind.LOG: lambda _: code.naming(*_LOGGER),
            Kind.GATEWAY_LOG: lambda _: code.importing("phivault.adapters.gateway_log"),
            Kind.SETTING: self._setting,
        }

    def modules(self, place: Place) -> tuple[str, ...]:
        """By name, in their order. Where a place is sealed, who seals and opens comes with who keeps it."""
        found = self._rules[place.kind](place)
        if place.form is Form.SEALED:
            found |= self.of_sealer(place.sealer)
        return tuple(sorted(found))

    def of_sealer(self, name: str) -> frozenset[str]:
        """Its modules, and whoever calls their functions that seal or open."""
        if name not in self._of_sealer:
            self._of_sealer[name] = self._callers(name)
        return self._of_sealer[name]

    def _callers(self, name: str) -> frozenset[str]:
        modules = inventory.sealers()[name].modules
        known = [self._code.by_name[module] for module in modules if module in self._code.by_name]
        callers = [function for module in known for function in module.calling(SEALING)]
        return frozenset(module.name for module in known) | self._code.naming(*callers)

    def _element(self, place: Place) -> frozenset[str]:
        """Who seals, opens or classifies elements, whichever they are, and who reduces this one by its name."""
        named = (m.name for m in self._code.modules if m.name.startswith("phivault.phi.") and place.name in m.texts)
        return self.of_sealer("record") | self._code.naming("phivault.phi.catalogue.classify") | frozenset(named)

    def _body(self, place: Place) -> frozenset[str]:
        if place.group == "Bundle":
            return self._code.importing("phivault.records.bundle")
        defined = [module.name for module in self._code.modules if place.group in module.own]
        using = self._code.naming(*(f"{module}.{place.group}" for module in defined))
        return frozenset(defined) | self._code.saying(place.name, using)

    def _parameter(self, place: Place) -> frozenset[str]:
        """Who names this one where the operation's parameters are read; for ``*`` who refuses what isn't known."""
        area = self._area(place.group.partition(" ")[2])
        if place.name == "*":
            return area & self._code.naming("phivault.errors.UnsupportedParameter")
        return frozenset(one for one in area if place.name in self._code.by_name[one].texts)

    def _area(self, route: str) -> frozenset[str]:
        """The handlers whose texts come nearest to the route, the verbs that they import, and what those do."""
        handlers = [m for m in self._code.modules if re.match(r"functions\.\w+\.", m.name)]
        nearest = max((text for m in handlers for text in m.texts if route.startswith(text)), key=len, default="")
        folders = {m.name.split(".")[1] for m in handlers if nearest and nearest in m.texts}
        found = {m.name for m in handlers if m.name.split(".")[1] in folders}
        for _ in range(2):
            named = {name for one in found for name in self._code.by_name[one].names}
            found |= {name for name in named | {n.rpartition(".")[0] for n in named} if _VERBS.match(name)}
            found &= set(self._code.by_name)
        return frozenset(found)

    def _braces(self, place: Place) -> frozenset[str]:
        """Who writes a path with the parameter in it."""
        braces = "{" + place.name + "}"
        return frozenset(m.name for m in self._code.modules if any(braces in text for text in m.texts))

    def _header(self, place: Place) -> frozenset[str]:
        """Who reads headers and names this one, or a constant that holds its name."""
        reading = self._code.naming(f"{_WEB}.header") | {_WEB}
        holding = [m for m in self._code.modules if place.name in m.texts]
        constants = {f"{m.name}.{name}" for m in holding for name in m.own if place.name in m.reached[name]}
        named = self._code.naming(*constants) | {m.name for m in holding}
        return reading & named if place.name != "*" else frozenset({_WEB})

    def _column(self, place: Place) -> frozenset[str]:
        """Who speaks SQL of the table, itself or by a function of the migrations that does."""
        called = (name + "(" for name in self._sql_functions.get(place.group, ()))
        mentions = re.compile("|".join(map(re.escape, [place.group, *called])))
        return frozenset(m.name for m in self._code.modules if any(mentions.search(text) for text in m.texts))

    @cached_property
    def _sql_functions(self) -> dict[str, set[str]]:
        """By table, the functions in whose text it stands."""
        found: dict[str, set[str]] = {}
        for text in self._code.sql.values():
            for part in re.split(r"(?=CREATE FUNCTION )", text)[1:]:
                name = part.removeprefix("CREATE FUNCTION ").partition("(")[0]
                for table in re.findall(r"\b(?:app|phi)\.\w+", part.partition("\n$$;")[0]):
                    found.setdefault(table, set()).add(name)
        return found

    def _row(self, place: Place) -> frozenset[str]:
        """Adapters that build the row's key, and who calls their functions that do."""
        table, _, key = place.group.partition(" ")
        if table != "AccessState":
            return self._code.importing(f"phivault.adapters.{_TABLES[table]}")
        halves = key.split("/")
        found: set[str] = set()
        for module in self._code.modules:
            if not module.name.startswith("phivault.adapters."):
                continue
            makers = [name for name, texts in module.reached.items() if all(_builds(half, texts) for half in halves)]
            if makers:
                found |= {module.name, *self._code.naming(*(f"{module.name}.{name}" for name in makers))}
        return frozenset(found)

    def _object(self, place: Place) -> frozenset[str]:
        """Who has a fixed piece of the key among its texts: the longest that anybody has."""
        if place.group in _BUCKETS:
            return self._code.importing(f"phivault.adapters.{_BUCKETS[place.group]}")
        pieces = sorted((piece.lstrip("/") for piece in re.split(r"\*+", place.name)), key=len, reverse=True)
        tails = [piece[at:] for piece in pieces for at in (0, *(m.end() for m in re.finditer("/", piece)))]
        area = [m for m in self._code.modules if m.name.startswith(("phivault.adapters.", "phivault.audit."))]
        for tail in tails:
            found = frozenset(m.name for m in area if tail and any(_begins(text, tail) for text in m.texts))
            if found:
                return found
        return frozenset()

    def _line(self, place: Place) -> frozenset[str]:
        """Who makes events, or reads them, and names the field."""
        makers = self._code.naming(_EVENT) | self._code.importing("phivault.attributed")
        return self._code.saying(place.name, makers | self._code.importing("phivault.audit.canonical"))

    def _attribute(self, place: Place) -> frozenset[str]:
        return frozenset(
            m.name
            for m in self._code.modules
            if place.name in m.texts and (".cognito_" in m.name or m.name.startswith("phivault.identity."))
        )

    def _setting(self, place: Place) -> frozenset[str]:
        return self._code.saying(place.name, self._code.importing("phivault.settings"))


def _builds(half: str, texts: frozenset[str]) -> bool:
    """Whether ``texts`` make this half of a key: itself, or a text with its last word between separators and ids."""
    if "*" not in half:
        return half in texts
    words = [word for word in re.split("[#*]", half) if word]
    return not words or any(words[-1] in re.split("[#*]", text) for text in texts)


def _begins(text: str, piece: str) -> bool:
    return text.startswith(piece) or f"/{piece}" in text
