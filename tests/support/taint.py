"""Values that say which field of a request they were sent in, looked for in everything that is kept."""

from __future__ import annotations

import base64
import itertools
import re
import secrets
import string
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

from phivault.phi import inventory
from phivault.phi.inventory import Form, Place
from tests.support.leaks import _in_base64 as in_base64
from tests.support.leaks import unpacked
from tests.support.stored import FILES

BASE64_RUN = re.compile(rb"[A-Za-z0-9+/_-]+")
SHAPES = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\+1\d{10}|127\.\d+\.\d+\.\d+")
"""Of the values that are no marks: ids, numbers of telephones, addresses of this machine."""
NOBODY = "?"


def a_prefix() -> str:
    """Letters alone, all small: nothing changes them on the way."""
    return "zq" + "".join(secrets.choice(string.ascii_lowercase) for _ in range(14))


@dataclass
class Taints:
    """``fields`` are the places of the inventory where each value was sent in. Marks are a prefix and a number;
    ``others`` are values that had to have another form: numbers of telephones, addresses, ids. ``unmarked`` are fields
    that were sent, whose values can't hold a mark."""

    prefix: str = field(default_factory=a_prefix)
    fields: dict[str, set[str]] = field(default_factory=dict)
    others: set[str] = field(default_factory=set)
    unmarked: set[str] = field(default_factory=set)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def mark(self, *ids: str) -> str:
        """A new value for these fields."""
        value = f"{self.prefix}{next(self._numbers):05d}"
        self.fields[value] = set(ids)
        return value

    def also(self, value: str, *ids: str) -> str:
        """A value that the test didn't choose freely, or sends in a further field."""
        known = value.lower()
        if not known.startswith(self.prefix):
            self.others.add(known)
        self.fields.setdefault(self.name(known), set()).update(ids)
        return value

    def sent(self, marks: Iterable[str], data: bytes) -> set[str]:
        """Forget those of these marks that ``data`` doesn't hold; the fields that they were for."""
        lacking = set(marks) - self.within(data)
        return {id for value in lacking for id in self.fields.pop(value)}

    def name(self, value: str) -> str:
        found = re.search(self.prefix + r"\d{5}", value)
        return found[0] if found else value

    def within(self, data: bytes) -> set[str]:
        """The values that it holds, as they are, in capitals, hexadecimal, base64 or gzip."""
        return {value for part in unpacked(data) for value in self._in(part)}

    def _in(self, data: bytes) -> Iterator[str]:
        lower, prefix = data.lower(), self.prefix.encode()
        yield from self._marks(lower)
        if prefix.hex().encode() in lower:
            for found in re.finditer(prefix.hex().encode() + rb"((?:3[0-9]){5})", lower):
                yield self.prefix + bytes.fromhex(found[1].decode()).decode()
        if any(form in data for form in self._in_base64_of_it):
            for run in BASE64_RUN.findall(data):
                yield from self._in_base64(run)
        yield from self.others.intersection(found.decode() for found in SHAPES.findall(lower))

    @cached_property
    def _in_base64_of_it(self) -> tuple[bytes, ...]:
        return tuple(in_base64(self.prefix.encode()))

    def _marks(self, lower: bytes) -> Iterator[str]:
        """NOBODY's for a prefix without a number: cut short, it is a leak like any other."""
        if self.prefix.encode() not in lower:
            return
        for found in re.finditer(self.prefix.encode() + rb"(\d{5})?", lower):
            yield found[0].decode() if found[1] else NOBODY

    def _in_base64(self, run: bytes) -> Iterator[str]:
        plain = run.replace(b"-", b"+").replace(b"_", b"/")
        for skipped in range(4):
            whole = plain[skipped : skipped + (len(plain) - skipped) // 4 * 4]
            yield from self._marks(base64.b64decode(whole).lower())

    def declared(self, ids: Iterable[str], *forms: Form) -> set[str]:
        """The places where values of these fields may stand, in one of ``forms``."""
        known = {place.id: place for place in inventory.places()}
        targets = {target for id in ids for target in _entry(id).to}
        return {target for target in targets if known[target].form in forms}


def _entry(id: str) -> Place:
    found = inventory.find(id)
    assert found is not None, id
    return found


@dataclass
class Found:
    """``clear`` and ``sealed``: by value, the places of the inventory (or, where it has none, the place itself)."""

    clear: dict[str, set[str]] = field(default_factory=dict)
    sealed: dict[str, set[str]] = field(default_factory=dict)
    elements: set[tuple[str, str]] = field(default_factory=set)
    """The fields of FHIR, each with a place where an envelope with it was opened."""

    def add(self, into: dict[str, set[str]], values: Iterable[str], place: str) -> None:
        if values := set(values):
            known = inventory.find(place)
            for value in values:
                into.setdefault(value, set()).add(known.id if known else place)

    def undeclared(self, taints: Taints) -> list[str]:
        """Places that hold a value of a field that doesn't go there, or not in this form."""
        wrong = []
        for held, forms in ((self.clear, (Form.CLEAR,)), (self.sealed, (Form.SEALED,))):
            for value, places in held.items():
                fields = taints.fields.get(value, set())
                allowed = taints.declared(fields, *forms)
                wrong += [
                    f"{place} holds {sorted(fields) or value} {forms[0]}"
                    for place in places - allowed
                    if not (_are_ids(fields) and _takes_ids(place))
                ]
        return sorted(set(wrong))

    def unseen(self, taints: Taints) -> list[str]:
        """What the inventory says of a field that was sent, and nothing of it was found."""
        known = {place.id: place for place in inventory.places()}
        missing = []
        for id in sorted({id for fields in taints.fields.values() for id in fields} | taints.unmarked):
            values = [value for value, fields in taints.fields.items() if id in fields]
            seen = {p for value in values for held in (self.clear, self.sealed) for p in held.get(value, ())}
            if not values:
                seen = {place for element, place in self.elements if element == id}
            lacking = taints.declared([id], Form.CLEAR, Form.SEALED) - seen
            missing += [f"{id} isn't found in {place}" for place in lacking if not known[place].unseen]
        return sorted(missing)


def _are_ids(fields: Iterable[str]) -> bool:
    """Whether these take random ids of records and accounts, and nothing that is PHI by itself."""
    entries = [_entry(id) for id in fields]
    return bool(entries) and all("R" in entry.letters and not entry.holds_phi for entry in entries)


def _takes_ids(place: str) -> bool:
    """An id leads from one place to another; each says that it holds some (R), and PostgreSQL's files hold them all."""
    found = inventory.find(place)
    return "R" in found.letters if found else place.startswith(FILES)
