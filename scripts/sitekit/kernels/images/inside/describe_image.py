"""Print the versions, the kernels and the environment variables of an image as JSON. The image's
own Python runs this program."""

from __future__ import annotations

import json
import os
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version

PACKAGES = (
    "jupyterhub",
    "jupyterlab",
    "jupyter_server",
    "jupyter_client",
    "ipykernel",
    "nbgitpuller",
)
PYTHONS = ("python", f"python{sys.version_info[0]}", "python{}.{}".format(*sys.version_info))


def versions() -> dict[str, str]:
    """Return the versions of Python and of Jupyter's packages. The version of a missing package is
    ""."""
    found = {"python": "{}.{}.{}".format(*sys.version_info)}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = ""
    return found


def kernels() -> dict[str, dict[str, object]]:
    """Return the kernels that a server in this image offers, with their command lines."""
    from jupyter_client.kernelspec import KernelSpecManager

    found = {}
    for name, entry in KernelSpecManager().get_all_specs().items():
        spec = entry["spec"]
        argv = [
            word.replace("{resource_dir}", entry["resource_dir"]).replace("{prefix}", sys.prefix)
            for word in spec["argv"]
        ]
        if argv and argv[0] in PYTHONS:  # as jupyter_client/manager.py does, format_kernel_cmd
            argv[0] = sys.executable
        found[name] = {"argv": argv, "env": spec.get("env", {}), "language": spec["language"]}
    return found


def environment() -> dict[str, str]:
    """Return the environment variables with which a server in this image starts kernels."""
    kept = {name: value for name, value in os.environ.items() if name != "SITEKIT_ENVIRONMENT"}
    return {**kept, "PATH": f"{sys.prefix}/bin:{os.environ['PATH']}", "PYTHONNOUSERSITE": "1"}


if __name__ == "__main__":
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    has = versions()
    inside = environment()
    answer: dict[str, object] = {"versions": has, "folders": sys.path, "environment": inside}
    places = ("/usr/bin/ssh", f"{sys.prefix}/bin/ssh")  # as session/hub_connection/tunnel.py
    answer["ssh"] = any(os.access(path, os.X_OK) for path in places)
    answer["git"] = bool(shutil.which("git", path=inside["PATH"]))
    answer["kernels"] = kernels() if has["jupyter_client"] else {}
    print(json.dumps(answer))
