"""The kernels that a server offers: those of the site and the user's own, never the hub
environment's own Python.

jupyter_client starts that one under the name `python3` although ensure_native_kernel is off and no
spec of it is there (kernelspec.py, _find_spec_directory), and Jupyter Server announces that name as
the default.
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
    """Jupyter's specs, and no kernel that is not among them."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        if kernel_name == NATIVE_KERNEL_NAME and kernel_name not in self.find_kernel_specs():
            raise NoSuchKernel(kernel_name)
        return super().get_kernel_spec(kernel_name)

    def default(self) -> str:
        """The kernel for a notebook that names none: the newest Python by its name; any other
        kernel without one."""
        found = self.get_all_specs()
        if NATIVE_KERNEL_NAME in found or not found:
            return NATIVE_KERNEL_NAME
        return max(found, key=lambda name: (*_kind(name, found[name]["spec"]), _natural(name)))


def _kind(name: str, spec: dict[str, Any]) -> tuple[bool, bool, bool]:
    """Python comes first, one of the site before one of the user's, one that is called so before
    others."""
    own_or_loaded = name.startswith(("my-", "loaded-"))
    return spec["language"] == "python", not own_or_loaded, name.startswith("python")


def _natural(name: str) -> list[tuple[int, str]]:
    """A key that sorts 3.9 before 3.11."""
    return [
        (int(part), "") if part.isdecimal() and part.isascii() else (-1, part)
        for part in re.split(r"([0-9]+)", name)
    ]
