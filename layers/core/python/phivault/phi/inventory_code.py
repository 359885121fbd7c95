"""What the source of the package says about itself, read and never run: which module names what.

For ``inventory_touch``: names are resolved through a module's imports, as far as they can be without running it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path


@dataclass(frozen=True)
class Module:
    """``names`` are qualified names that it refers to (``phivault.crypto.envelope.seal``); ``texts`` its constant texts
    without docstrings, of f-strings the pieces with ``*`` between them; ``said`` those, attributes and keywords."""

    name: str
    tree: ast.Module = field(repr=False)

    @cached_property
    def imports(self) -> dict[str, str]:
        """The qualified name of each name that an import makes."""
        found: dict[str, str] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ImportFrom) and node.module:
                found |= {one.asname or one.name: f"{node.module}.{one.name}" for one in node.names}
            elif isinstance(node, ast.Import):
                found |= {one.asname or one.name: one.name for one in node.names}
        return found

    @property
    def own(self) -> frozenset[str]:
        """Functions and classes at its top, and its constants."""
        return frozenset(name for name in self.defined if "." not in name)

    @cached_property
    def names(self) -> frozenset[str]:
        found = set(self.imports.values())
        for node in ast.walk(self.tree):
            if isinstance(node, (ast.Name, ast.Attribute)):
                found.add(self.qualified(node))
        return frozenset(found - {""})

    @cached_property
    def texts(self) -> frozenset[str]:
        return frozenset(_texts(self.tree))

    @cached_property
    def said(self) -> frozenset[str]:
        found = set(self.texts)
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Attribute):
                found.add(node.attr)
            elif isinstance(node, ast.keyword) and node.arg:
                found.add(node.arg)
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                found.add(node.target.id)  # a field that it declares
        return frozenset(found)

    def qualified(self, node: ast.expr) -> str:
        """What a name or a dotted name stands for; "" where that isn't known."""
        if isinstance(node, ast.Name):
            if node.id in self.imports:
                return self.imports[node.id]
            return f"{self.name}.{node.id}" if node.id in self.own else ""
        if isinstance(node, ast.Attribute):
            before = self.qualified(node.value)
            return f"{before}.{node.attr}" if before else ""
        return ""

    @cached_property
    def defined(self) -> dict[str, ast.stmt]:
        """What stands at its top, by name, and the functions in its classes as ``Class.function``."""
        found: dict[str, ast.stmt] = {}
        for node in self.tree.body:
            if isinstance(node, (ast.Assign, ast.AnnAssign)):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                named = (one for target in targets for one in ast.walk(target))  # of several at once each
                found |= {one.id: node for one in named if isinstance(one, ast.Name)}
            elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                found[node.name] = node
                inner = node.body if isinstance(node, ast.ClassDef) else []
                found |= {f"{node.name}.{one.name}": one for one in inner if isinstance(one, ast.FunctionDef)}
        return found

    @cached_property
    def reached(self) -> dict[str, frozenset[str]]:
        """The texts of each thing that it defines, with those of what that names in this module."""
        names, texts = {}, {}
        for name, node in self.defined.items():
            texts[name] = frozenset(_texts(node))
            names[name] = {one.id for one in ast.walk(node) if isinstance(one, ast.Name)} & set(self.defined)
        found = {}
        for name in self.defined:
            near, far = {name}, names[name] - {name}
            while far:
                near |= far
                far = {further for one in far for further in names[one]} - near
            found[name] = frozenset(text for one in near for text in texts[one])
        return found

    def calling(self, names: Iterable[str]) -> frozenset[str]:
        """The qualified names of its functions and classes at the top in which one of ``names`` is named."""
        wanted = set(names)
        found = set()
        for node in self.tree.body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                parts = (one for one in ast.walk(node) if isinstance(one, (ast.Name, ast.Attribute)))
                if wanted & {self.qualified(part) for part in parts}:
                    found.add(f"{self.name}.{node.name}")
        return frozenset(found)


class Code:
    """The modules below ``roots``, by the name of the package that each root is."""

    def __init__(self, *roots: Path) -> None:
        self.modules = tuple(module for root in roots for module in _modules(root))
        self.by_name = {module.name: module for module in self.modules}
        self.sql = {path.name: path.read_text("utf-8") for root in roots for path in sorted(root.rglob("*.sql"))}

    def naming(self, *names: str) -> frozenset[str]:
        """Modules that refer to one of these qualified names."""
        return frozenset().union(*(self._naming.get(name, ()) for name in names))

    def importing(self, *modules: str) -> frozenset[str]:
        """Modules that are one of these, or refer to one or to what it holds."""
        return frozenset().union(*({name, *self._below.get(name, ())} & set(self.by_name) for name in modules))

    @cached_property
    def _naming(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for module in self.modules:
            for name in module.names:
                found.setdefault(name, set()).add(module.name)
        return found

    @cached_property
    def _below(self) -> dict[str, set[str]]:
        """Who refers to a name or to one that it is the beginning of."""
        found: dict[str, set[str]] = {}
        for name, modules in self._naming.items():
            parts = name.split(".")
            for length in range(1, len(parts) + 1):
                found.setdefault(".".join(parts[:length]), set()).update(modules)
        return found

    def saying(self, name: str, among: Iterable[str]) -> frozenset[str]:
        """Those of ``among`` that have an attribute, a keyword or a text of this name."""
        return frozenset(one for one in among if name in self.by_name[one].said)


def _modules(root: Path) -> Iterator[Module]:
    for path in sorted(root.rglob("*.py")):
        if path.name.startswith("inventory"):
            continue  # it names every place and touches none
        parts = [root.name, *path.relative_to(root).with_suffix("").parts]
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        yield Module(name, ast.parse(path.read_text("utf-8")))


def _texts(root: ast.AST) -> Iterator[str]:
    nodes = list(ast.walk(root))
    alone = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}  # docstrings
    for node in nodes:
        if id(node) in alone:
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.JoinedStr):
            yield "".join(str(one.value) if isinstance(one, ast.Constant) else "*" for one in node.values)
