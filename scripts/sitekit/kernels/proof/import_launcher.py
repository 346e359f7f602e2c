"""The launcher's own functions, for the probe: what is tried here is what will run."""

from __future__ import annotations

import hashlib
import importlib.util
from functools import cache
from threading import Lock
from types import ModuleType

from ...base.data import data

_once = Lock()


def launcher() -> ModuleType:
    """kernels/launch.py as a module. It is data, for it runs by itself; hence by path and not by
    name."""
    # Two threads that came first at the same time would get two classes CannotStart, and not catch
    # each other's.
    with _once:
        return _launcher()


@cache
def _launcher() -> ModuleType:
    path = data("kernels/launch.py")
    spec = importlib.util.spec_from_file_location("sitekit_kernel_launch", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def launcher_digest() -> str:
    """Changes when a kernel would be started in another way, and so has to be proven again."""
    parts = (
        data(f"kernels/{name}")
        for name in ("launch.py", "lmod_output.py", "by_socket.py", "tombstone.py")
    )
    return hashlib.sha256(b"\0".join(part.read_bytes() for part in parts)).hexdigest()[:16]
