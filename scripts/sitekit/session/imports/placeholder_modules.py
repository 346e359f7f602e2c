"""Replace some modules by placeholders (stand-ins) while Python imports another module that hardly
needs them.

The other module keeps the placeholders. All other modules, and later imports, get the real modules.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any


class StandIn(ModuleType):
    """Replace a module by a placeholder that contains only `names`, and that imports the real
    module when a program uses another name of the module."""

    def __init__(self, name: str, names: Mapping[str, object]) -> None:
        super().__init__(name)
        vars(self).update(names)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # Python's import system itself looks for such names
            raise AttributeError(name)
        return getattr(real(self.__name__), name)


def real(name: str) -> ModuleType:
    """Return the real module. If the module is not loaded yet, load the module first."""
    if isinstance(sys.modules.get(name), StandIn):
        del sys.modules[name]
    return importlib.import_module(name)


@contextmanager
def stand_ins(modules: Mapping[str, Mapping[str, object]]) -> Iterator[None]:
    """Make imports in the `with` block find placeholders in place of the modules in `modules`.
    Modules that are already loaded are not replaced."""
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
