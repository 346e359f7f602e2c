"""Test modules, extensions and kernels of a release. The release's own Python runs this file.

The program reads the tests to run as JSON from stdin, and prints failures as JSON {name: reason}.
Before the tests, the program imports only the standard library.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
from collections.abc import Iterator

Failures = Iterator[tuple[str, str]]  # pairs of a test's name and the reason of the failure

REFUSED = "x; exit 1"


def modules(names: list[str]) -> Failures:
    """Yield the modules that cannot be imported, with the reasons."""
    for name in names:
        try:
            importlib.import_module(name)
        except Exception as error:
            yield f"module {name}", repr(error)


def server_extensions(names: list[str]) -> Failures:
    """Yield the server extensions that are not enabled or do not load."""
    if not names:
        return
    from jupyter_server.extension.manager import ExtensionPackage

    switches = enabled()
    for name in names:
        if not switches.get(name):
            yield f"server extension {name}", "is not enabled"
        elif not ExtensionPackage(name=name, enabled=True).validate():
            yield f"server extension {name}", "does not load"


def enabled() -> dict[str, bool]:
    """Return all server extensions of the release, as a map of names to True (enabled) or False
    (disabled)."""
    from jupyter_core.paths import jupyter_config_path
    from jupyter_server.extension.config import ExtensionConfigManager

    return ExtensionConfigManager(read_config_path=jupyter_config_path()).get_jpserver_extensions()


def guarded(names: list[str]) -> Failures:
    """Yield each server extension that is enabled, although an extension of sitekit must replace
    this extension."""
    for name in names:
        if enabled().get(name):
            yield f"server extension {name}", "is enabled without its guard"


def lab_extensions(names: list[str]) -> Failures:
    """Yield the JupyterLab extensions that are missing."""
    if not names:
        return
    from jupyter_core.paths import jupyter_path
    from jupyterlab_server.config import get_federated_extensions

    found = get_federated_extensions(jupyter_path("labextensions"))
    for name in names:
        if name not in found:
            yield f"lab extension {name}", "is not there"


def kernels(names: list[str] | None) -> Failures:
    """Yield kernels that are missing, and kernels that exist although users must not see them."""
    if names is None:
        return
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_core.application import JupyterApp

    app = JupyterApp()
    app.load_config_file()
    found = KernelSpecManager(parent=app).find_kernel_specs()
    own = {name for name, path in found.items() if path.startswith(sys.prefix)}
    for name in sorted(set(names) ^ own):
        yield f"kernel {name}", "is not there" if name in names else "should not be offered"


def guard(names: list[str]) -> Failures:
    """Yield each of sitekit's extensions that accepts a module name with shell commands in it. Such
    an extension must refuse this name."""
    for name in names:
        answer = asyncio.run(importlib.import_module(name).guarded("show", REFUSED))
        if "not the name of a module" not in (answer or ""):
            yield f"guard {name}", f"let a hostile module name pass: {answer!r}"


if __name__ == "__main__":
    request = json.load(sys.stdin)
    # stdout is only for the result, but some modules print text when they are imported
    out, sys.stdout = sys.stdout, sys.stderr
    tries = (modules, server_extensions, guarded, lab_extensions, kernels, guard)
    json.dump(dict(pair for try_ in tries for pair in try_(request[try_.__name__])), out)
