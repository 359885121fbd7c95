"""Run by test_layer.py with ``python -I -S``: imports a handler, and says what it took from where.

Arguments: the function's name, the services it may need a client of, ``--``, the folders to import from. An import
that a function body holds back until it is needed counts too: it would fail at the first request.
"""

import ast
import importlib
import json
import sys
import sysconfig
from pathlib import Path


def main() -> None:
    name, *rest = sys.argv[1:]
    services, folders = rest[: rest.index("--")], rest[rest.index("--") + 1 :]
    standard = [sysconfig.get_path("stdlib"), *(p for p in sys.path if p.endswith("lib-dynload"))]
    sys.path[:] = [*folders, *sys.path[1:]]  # the first was this file's own folder, where -I leaves one
    handler = importlib.import_module(f"functions.{name}.handler").handler
    ours = [Path(folders[0]), Path(folders[-1]) / "phivault"]
    unresolved = sorted({module for folder in ours for module in missing(folder)})
    import boto3

    from phivault.adapters.rds_token import token

    signed = token("database.invalid", "u").startswith("database.invalid:5432/?Action=connect&DBUser=u&")
    clients = [service for service in services if boto3.client(service)]
    found = {
        "handler": callable(handler),
        "imported": len(sys.modules),
        "clients": clients,
        "signed": signed,
        "unresolved": unresolved,
        "elsewhere": sorted(module for module in list(sys.modules) if not known(module, folders, standard)),
    }
    sys.stdout.write(json.dumps(found))


def known(module: str, folders: list[str], standard: list[str]) -> bool:
    """Whether the module came from ``folders`` or the standard library, which has no ``site-packages``."""
    path = getattr(sys.modules[module], "__file__", None)
    if path is None or module in ("__main__", "__mp_main__"):  # this file, also as multiprocessing names it
        return True
    if "site-packages" in path:
        return any(path.startswith(folder + "/") for folder in folders)
    return any(path.startswith(folder + "/") for folder in (*folders, *standard))


def missing(folder: Path):
    """Modules that a source below ``folder`` imports at run time, anywhere, and that can't be imported."""
    for source in folder.rglob("*.py"):
        for module in at_run_time(ast.parse(source.read_bytes())):
            try:
                importlib.import_module(module)
            except ImportError as error:
                yield f"{source.name}: {module}: {error}"


def at_run_time(node: ast.AST):
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom) and not child.level:
            yield child.module
        else:
            yield from at_run_time(child)


main()
