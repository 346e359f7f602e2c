"""Import the modules of a starting server from one file of the release.

Without this one file, Python would search for about a thousand small files, one after another. For
each small file, a shared filesystem performs about ten operations. The one file contains the
bytecode of all these modules, and the entry points of the installed packages.
environment/release/bytecode_of_server.py writes the file when a release is built. A release is
never changed afterwards. Python imports modules that are not in the one file as usual.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ExtensionFileLoader, ModuleSpec, SourceFileLoader
from importlib.metadata import DistributionFinder, PathDistribution
from importlib.util import MAGIC_NUMBER, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

FILE = "share/sitekit/server-modules"
"""The path of the file in the release. The first line of the file is an index in JSON. The contents
of the bytecode files follow."""


class ReleaseModules(MetaPathFinder):
    """Find modules and entry points in the file, before Python searches the release's folders."""

    def __init__(self, prefix: str, content: bytes) -> None:
        line, self.bytecode = content.split(b"\n", 1)
        index = json.loads(line)
        if index["python"] != MAGIC_NUMBER.hex():
            raise ValueError("the file is of another Python")
        self.prefix = prefix
        self.modules: dict[str, list[Any]] = index["modules"]
        self.places: dict[str, list[int]] = index["bytecode"]
        self.entry_points: dict[str, str | None] = index["entry_points"]

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the import spec of a module that is in the file. If the module is not in the file,
        return None."""
        if fullname not in self.modules:
            return None
        place, is_package = self.modules[fullname]
        file = f"{self.prefix}/{place}"
        inside = [os.path.dirname(file)] if is_package else None
        loader = Loader(fullname, file, self) if file.endswith(".py") else None
        return spec_from_file_location(
            fullname,
            file,
            loader=loader or ExtensionFileLoader(fullname, file),
            submodule_search_locations=inside,
        )

    def find_distributions(
        self, context: DistributionFinder.Context | None = None
    ) -> Iterator[PathDistribution]:
        """Yield the packages of the release that the file describes (importlib.metadata)."""
        searched = vars(context) if context else {}
        if "path" in searched:  # this search is not for the release's packages
            return
        name = searched.get("name")
        for place in self.entry_points:
            package = Package(self, place)
            if name is None or package.name_of_folder == _normalized(name):
                yield package

    def close(self) -> None:
        """Free the memory. Python reads modules that are imported after this call from their own
        files."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        self.bytecode, self.places = b"", {}


class Loader(SourceFileLoader):
    """Load a module whose bytecode is in the release's file of modules."""

    def __init__(self, fullname: str, path: str, modules: ReleaseModules) -> None:
        super().__init__(fullname, path)
        self._modules = modules

    def path_stats(self, path: str) -> dict[str, Any]:
        """Return 0 for the time and the size of the source file. The values do not matter, because
        Python does not compare them for the release's bytecode."""
        return {"mtime": 0, "size": 0}

    def get_data(self, path: str) -> bytes:
        """Return the content of a bytecode file, or of another file of the package."""
        place = self._modules.places.get(path[len(self._modules.prefix) + 1 :])
        if place is None:
            return super().get_data(path)
        begin, length = place
        return self._modules.bytecode[begin : begin + length]


class Package(PathDistribution):
    """Describe an installed package whose entry points are in the release's file of modules."""

    def __init__(self, modules: ReleaseModules, place: str) -> None:
        super().__init__(Path(modules.prefix, place))
        self._entry_points = modules.entry_points[place]
        self.name_of_folder = _normalized(os.path.basename(place).partition("-")[0])

    def read_text(self, filename: str | os.PathLike[str]) -> str | None:
        """Return the content of a file that describes the package. If the package has no such file,
        return None."""
        if filename == "entry_points.txt":
            return self._entry_points
        return super().read_text(filename)


def _normalized(name: str) -> str:
    """Return a package's name in the form that the names of folders contain."""
    return name.lower().replace("-", "_").replace(".", "_")


def use_release_modules() -> None:
    """Import modules from the release's file from now on, if the running sitekit belongs to the
    release."""
    if not __file__.startswith(f"{sys.prefix}/"):
        return
    try:
        content = Path(sys.prefix, FILE).read_bytes()
        sys.meta_path.insert(0, ReleaseModules(sys.prefix, content))
    except (OSError, ValueError, KeyError):
        # The release was built without this file, or for another Python. Python imports as usual.
        return


def close_release_modules() -> None:
    """Free the memory that the file uses. Call this function when the server has started."""
    for finder in list(sys.meta_path):
        if isinstance(finder, ReleaseModules):
            finder.close()
