"""Offer the kernels of the site and of the user, but never the hub environment's Python.

jupyter_client starts the hub environment's Python under the name `python3`, even if
ensure_native_kernel is off and no kernel spec exists (kernelspec.py, _find_spec_directory). Jupyter
Server offers the name `python3` as the default kernel.
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
    """Find kernels as Jupyter does, but only kernels with a kernel spec (a kernel.json)."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        if kernel_name == NATIVE_KERNEL_NAME and kernel_name not in self.find_kernel_specs():
            raise NoSuchKernel(kernel_name)
        return super().get_kernel_spec(kernel_name)

    def get_all_specs(self) -> dict[str, Any]:
        """Return all kernel specs, by name.

        jupyter_client's own method would search the folders of all kernels once for each kernel,
        because this class is a derived class (kernelspec.py, get_all_specs). On a shared
        filesystem, this search is slow.
        """
        specs = {}
        for name, folder in self.find_kernel_specs().items():
            try:
                spec = self._get_kernel_spec_by_name(name, folder)
            except NoSuchKernel:  # jupyter_client has logged the reason
                continue
            except Exception:
                self.log.warning("The kernel spec in %s cannot be read", folder, exc_info=True)
                continue
            specs[name] = {"resource_dir": folder, "spec": spec.to_dict()}
        return specs

    def default(self) -> str:
        """Return the kernel for a notebook that names no kernel.

        The default is `python3` if a kernel has this name, or if there is no kernel. Otherwise, the
        default is the Python kernel with the newest version in its name. If there is no Python
        kernel, the default is one of the other kernels.
        """
        found = self.get_all_specs()
        if NATIVE_KERNEL_NAME in found or not found:
            return NATIVE_KERNEL_NAME
        return max(found, key=lambda name: (*_kind(name, found[name]["spec"]), _natural(name)))


def _kind(name: str, spec: dict[str, Any]) -> tuple[bool, bool, bool]:
    """Return a sort key of a kernel; the largest key is the best kernel. Python kernels are better
    than other kernels. Of the Python kernels, the site's kernels are better than users' kernels. Of
    the site's kernels, the best kernels have names that begin with `python`."""
    own_or_loaded = name.startswith(("my-", "loaded-"))
    return spec["language"] == "python", not own_or_loaded, name.startswith("python")


def _natural(name: str) -> list[tuple[int, str]]:
    """Return a sort key that compares numbers by value: 3.9 comes before 3.11."""
    return [
        (int(part), "") if part.isdecimal() and part.isascii() else (-1, part)
        for part in re.split(r"([0-9]+)", name)
    ]
