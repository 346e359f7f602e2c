"""Import the launch program, kernels/launch.py. Therefore the first test of a kernel uses the same
functions as a start of the kernel."""

from __future__ import annotations

import hashlib
import importlib.util
from functools import cache
from threading import Lock
from types import ModuleType

from ...base.data_files import data
from ..generations.files_beside_launch_program import BESIDE

_once = Lock()


def launcher() -> ModuleType:
    """Return kernels/launch.py as a module.

    The launch program is a data file outside of the Python package, because kernels start it as a
    program. Therefore this function imports the launch program by its path.
    """
    # All threads must get the same class CannotStart, because they catch this exception. Therefore
    # a lock is needed.
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
    """Return a digest of the launch program.

    If the launch program changes, all kernels have to be tested again, because they can start in
    another way.
    """
    parts = (data(f"kernels/{name}") for name in ("launch.py", *BESIDE))
    return hashlib.sha256(b"\0".join(part.read_bytes() for part in parts)).hexdigest()[:16]
