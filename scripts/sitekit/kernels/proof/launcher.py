"""Load kernels/launch.py as a module, so that the probe calls the launcher's own functions."""

from __future__ import annotations

import hashlib
import importlib.util
from functools import cache
from threading import Lock
from types import ModuleType

from ...base.data import data

_once = Lock()


def launcher() -> ModuleType:
    """Return kernels/launch.py as a module.

    The file is a program of its own and belongs to no package, so it is loaded by its path.
    """
    # Without the lock, two threads could load the file at the same time. Each would have a class
    # CannotStart of its own, and could not catch the other's.
    with _once:
        return _launcher()


@cache
def _launcher() -> ModuleType:
    """Load kernels/launch.py by its path."""
    path = data("kernels/launch.py")
    spec = importlib.util.spec_from_file_location("sitekit_kernel_launch", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def launcher_digest() -> str:
    """Return a digest of the launcher's files.

    If the digest changes, kernels are started in another way and must be proven again.
    """
    parts = (
        data(f"kernels/{name}")
        for name in ("launch.py", "lmod_output.py", "by_socket.py", "tombstone.py")
    )
    return hashlib.sha256(b"\0".join(part.read_bytes() for part in parts)).hexdigest()[:16]
