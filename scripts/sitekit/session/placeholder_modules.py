"""Replace modules by placeholders (stand-ins) while another module, which hardly needs these
modules, is imported.

The importing module keeps the stand-in. All other modules, and later imports, get the real module.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any


class StandIn(ModuleType):
    """Take the place of a module. When a program uses a name that is not in `names`, load the real
    module."""

    def __init__(self, name: str, names: Mapping[str, object]) -> None:
        super().__init__(name)
        vars(self).update(names)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # Python's own import looks for such names
            raise AttributeError(name)
        return getattr(real(self.__name__), name)


def real(name: str) -> ModuleType:
    """Return the real module; if the module is not loaded yet, load it."""
    if isinstance(sys.modules.get(name), StandIn):
        del sys.modules[name]
    return importlib.import_module(name)


@contextmanager
def stand_ins(modules: Mapping[str, Mapping[str, object]]) -> Iterator[None]:
    """Let imports in the `with` block find stand-ins with these names for modules not yet loaded."""
    placed = {
        name: StandIn(name, names) for name, names in modules.items() if name not in sys.modules
    }
    sys.modules.update(placed)
    try:
        yield
    finally:
        for name, module in placed.items():
            if sys.modules.get(name) is module:
                del sys.modules[name]
