"""The gate as a module: the program itself, without its main()."""

from __future__ import annotations

from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from types import ModuleType

from sitekit.base.data_files import data


def gate_program() -> ModuleType:
    loader = SourceFileLoader("gate", str(data("scripts/gate")))
    spec = spec_from_loader("gate", loader)
    assert spec
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module
