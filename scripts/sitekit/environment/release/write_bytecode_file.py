"""Write the bytecode of Python modules to one file. The release's own Python runs this program, and
the names of the modules come from stdin.

session/imports/release_modules.py describes the format of the file. The program reads the bytecode
without importing the modules.
"""

from __future__ import annotations

import json
import os
import sys
from importlib.machinery import BuiltinImporter, FrozenImporter, ModuleSpec, PathFinder
from importlib.metadata import distributions
from importlib.util import MAGIC_NUMBER, cache_from_source
from pathlib import Path

UNCHECKED = MAGIC_NUMBER + b"\1\0\0\0"
"""A bytecode file with this beginning is used without checking the source file (PEP 552)."""


def find(name: str, folders: dict[str, list[str]]) -> ModuleSpec | None:
    """Return the ModuleSpec of a module, which contains the module's path. If the module is built
    into Python, or is not found, return None."""
    if BuiltinImporter.find_spec(name) or FrozenImporter.find_spec(name):
        return None
    parent = name.rpartition(".")[0]
    if parent and parent not in folders:
        inside = find(parent, folders)
        folders[parent] = list(inside.submodule_search_locations or []) if inside else []
    return PathFinder.find_spec(name, folders[parent] if parent else None)


def collect(names: list[str], prefix: str) -> bytes:
    """Return the content of the file with the bytecode of the modules `names`. The paths in the
    file are relative to `prefix`."""
    modules: dict[str, tuple[str, bool]] = {}
    places: dict[str, tuple[int, int]] = {}
    folders: dict[str, list[str]] = {}
    bytecode = b""
    for name in dict.fromkeys(names):
        spec = find(name, folders)
        if spec is None or not (spec.origin or "").startswith(f"{prefix}/"):
            continue
        origin = str(spec.origin)
        if origin.endswith(".py"):
            compiled = cache_from_source(origin)
            content = Path(compiled).read_bytes() if os.path.exists(compiled) else b""
            if not content.startswith(UNCHECKED):
                sys.exit(f"{compiled} is missing, or Python would compare it with its source file")
            places[os.path.relpath(compiled, prefix)] = len(bytecode), len(content)
            bytecode += content
        modules[name] = os.path.relpath(origin, prefix), bool(spec.submodule_search_locations)
    index = {
        "python": MAGIC_NUMBER.hex(),
        "modules": modules,
        "bytecode": places,
        "entry_points": entry_points(prefix),
    }
    return json.dumps(index).encode() + b"\n" + bytecode


def entry_points(prefix: str) -> dict[str, str | None]:
    """Return the entry points of each installed package. The result maps the package's folder to
    the text of the package's file entry_points.txt."""
    found = {}
    for package in distributions():
        folder = str(getattr(package, "_path", ""))
        if folder.startswith(f"{prefix}/") and folder.endswith(".dist-info"):
            found[os.path.relpath(folder, prefix)] = package.read_text("entry_points.txt")
    return dict(sorted(found.items()))


if __name__ == "__main__":
    file = Path(sys.argv[1])
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(collect(sys.stdin.read().split(), sys.prefix))
