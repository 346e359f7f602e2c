"""List the kernels that a server offers: the site's and the user's own.

The Python of the hub environment is never offered. Without this module, jupyter_client would start
this Python under the name `python3`, even if ensure_native_kernel is off and no such spec exists
(kernelspec.py, _find_spec_directory). Jupyter Server would also announce `python3` as the default.
"""

from __future__ import annotations

import re
from typing import Any

from jupyter_client.kernelspec import (
    NATIVE_KERNEL_NAME,
    KernelSpec,
    KernelSpecManager,
    NoSuchKernel,
)


class KernelSpecs(KernelSpecManager):
    """Find Jupyter's kernel specs, without the Python of the hub environment."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        if kernel_name == NATIVE_KERNEL_NAME and kernel_name not in self.find_kernel_specs():
            raise NoSuchKernel(kernel_name)
        return super().get_kernel_spec(kernel_name)

    def default(self) -> str:
        """Return the name of the default kernel, for a notebook that names no kernel.

        The result is the Python whose name has the highest version. If there is no Python kernel,
        the result is another kernel.
        """
        specs = self.get_all_specs()
        if NATIVE_KERNEL_NAME in specs or not specs:
            return NATIVE_KERNEL_NAME
        return max(specs, key=lambda name: (*_kind(name, specs[name]["spec"]), _natural(name)))


def _kind(name: str, spec: dict[str, Any]) -> tuple[bool, bool, bool]:
    """Return a sort key that ranks the kinds of kernels.

    Python kernels rank highest, then kernels of the site, then names that begin with `python`.
    """
    own_or_loaded = name.startswith(("my-", "loaded-"))
    return spec["language"] == "python", not own_or_loaded, name.startswith("python")


def _natural(name: str) -> list[tuple[int, str]]:
    """Return a sort key that puts 3.9 before 3.11."""
    return [
        (int(part), "") if part.isdecimal() and part.isascii() else (-1, part)
        for part in re.split(r"([0-9]+)", name)
    ]
