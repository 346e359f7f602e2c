"""Remove variables of modules, shells and programming languages from an environment.

`make kernels` puts a copy of this file beside the launcher (launch.py).
"""

from __future__ import annotations

from collections.abc import Mapping

# Variables that decide which program runs, or with which libraries. A login shell, a loaded module
# or a batch job may have set them. All other variables stay: Slurm's, tickets, proxies,
# CUDA_VISIBLE_DEVICES, the user's own settings.
DROPPED_PREFIXES = (
    "LMOD_", "__LMOD_", "_ModuleTable", "MODULE", "PYTHON", "R_", "LUA_", "TCL", "LD_", "CONDA_", "_CE_", "BASH_FUNC_",
    "APPTAINER", "SINGULARITY",
)  # fmt: skip
DROPPED = (
    "LOADEDMODULES", "_LMFILES_", "VIRTUAL_ENV", "BASH_ENV", "ENV", "SHELLOPTS", "BASHOPTS",
    "JULIA_LOAD_PATH", "JULIA_PROJECT", "CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH", "LIBRARY_PATH",
    "PKG_CONFIG_PATH", "CMAKE_PREFIX_PATH", "ACLOCAL_PATH", "MANPATH", "INFOPATH",
)  # fmt: skip


def cleaned(environ: Mapping[str, str]) -> dict[str, str]:
    """Return `environ` without variables of modules, shells and programming languages."""
    return {
        k: v for k, v in environ.items() if k not in DROPPED and not k.startswith(DROPPED_PREFIXES)
    }
