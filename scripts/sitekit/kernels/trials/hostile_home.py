"""Create a home directory whose dotfiles and Python modules can break kernels that read these
files.

`make kernels` also starts each kernel with this home, and the kernel must work.
"""

from __future__ import annotations

from pathlib import Path

from ..generations.kernel_record import Kernel

HOSTILE_MODULE = 'setenv("PYTHONPATH", "/nonexistent/hostile")\nprepend_path("PATH", "/nonexistent/hostile/bin")\n'
BROKEN = "raise ImportError('this file was put here to break kernels')\n"


def files(kernels: list[Kernel]) -> dict[str, str]:
    """Return the files of the hostile home as path -> content.

    The home has Python modules with the names of other Python modules, broken packages, and startup
    files that end the process.
    """
    names = sorted(
        {name for kernel in kernels for name in kernel.expect["modules"].split(":") if name}
    )
    contents = {
        "hostile/bin-env": "exit 3\n",
        ".bashrc": "exit 3\n",
        ".Rprofile": "quit(status = 3)\n",
        ".Renviron": "R_LIBS=/nonexistent\n",
    }
    contents[".modulerc"] = "#%Module\n" + "".join(f"hide-version {name}\n" for name in names)
    for package in ("zmq", "ipykernel", "traitlets"):
        contents[f"hostile/python/{package}.py"] = BROKEN
    for name in [*names, "hostile/1.0"]:
        contents[f"hostile/modules/{name}.lua"] = HOSTILE_MODULE
    versions = {
        ".".join(k.detail.split()[1].rstrip(",").split(".")[:2])
        for k in kernels
        if k.language == "python"
    }
    for version in sorted(versions):
        contents[f".local/lib/python{version}/site-packages/ipykernel/__init__.py"] = BROKEN
    for version in sorted(
        {k.detail.split()[1].rpartition(".")[0] for k in kernels if k.language == "R"}
    ):
        for package in ("IRkernel", "repr", "jsonlite"):
            place = f"R/x86_64-pc-linux-gnu-library/{version}/{package}"
            contents[f"{place}/DESCRIPTION"] = f"Package: {package}\nVersion: 99.0\n"
    return contents


def environment() -> dict[str, str]:
    """Return environment variables that can break a kernel, for a start with the hostile home.
    `{home}` in a value is later replaced by the path of the home."""
    return {
        "MODULEPATH": "{home}/hostile/modules",
        "LOADEDMODULES": "hostile/1.0",
        "_LMFILES_": "{home}/hostile/modules/hostile/1.0.lua",
        "_ModuleTable001_": "bm9uc2Vuc2U=",
        "_ModuleTable_Sz_": "1",
        "__LMOD_REF_COUNT_PATH": "/nonexistent/hostile/bin:1",
        "LMOD_CMD": "/bin/false",
        "LMOD_PKG": "/nonexistent",
        "LMOD_RC": "{home}/.bashrc",
        "LMOD_SYSTEM_DEFAULT_MODULES": "hostile/1.0",
        "MODULERCFILE": "{home}/.modulerc",
        "LUA_INIT": "os.exit(3)",
        "PYTHONPATH": "{home}/hostile/python",
        "PYTHONHOME": "/nonexistent",
        "PYTHONSTARTUP": "{home}/hostile/python/zmq.py",
        "R_HOME": "/nonexistent",
        "R_PROFILE_USER": "{home}/.Rprofile",
        "CONDA_PREFIX": "/nonexistent/conda",
        "VIRTUAL_ENV": "/nonexistent/venv",
        "BASH_ENV": "{home}/hostile/bin-env",
        "ENV": "{home}/hostile/bin-env",
    }


def write_hostile_home(home: Path, kernels: list[Kernel]) -> None:
    """Write the files of the hostile home below `home`."""
    for name, content in files(kernels).items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(content)
