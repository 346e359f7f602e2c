"""Render the demo's module tree as Lua modulefiles for Lmod."""

from __future__ import annotations

from pathlib import Path

BROKEN = "broken/1.0"
"""A module of Python that cannot be loaded, because it depends on a module that does not exist. The
demo contains this module, because every cluster has such broken modules."""


def modulefiles(
    tree: Path, software: Path, pythons: dict[str, Path | None], default: str, r: str
) -> dict[Path, str]:
    """Return all modulefiles, as a map of paths to texts.

    `pythons` maps each version of Python to the directory of this Python's own shared libraries.
    The directory is None if this Python has no such libraries. `default` is the version of Python
    that the module `python` loads. `r` is the version of R.
    """
    files = {}
    for version, libraries in pythons.items():
        extra = f'prepend_path("LD_LIBRARY_PATH", "{libraries}")\n' if libraries else ""
        files[tree / "python" / f"{version}.lua"] = _module(
            f"Python {version} with ipykernel",
            software / "python" / version,
            'family("python")\n' + extra,
        )
    files[tree / "python" / ".modulerc.lua"] = f'module_version("python/{default}", "default")\n'
    files[tree / "r" / f"{r}.lua"] = _module(f"R {r} with IRkernel", software / "r" / r)
    files[tree / f"{BROKEN}.lua"] = _module(
        "Python of an old toolchain (fails to load, on purpose)",
        software / BROKEN,
        'depends_on("toolchain/2019b")\n',
    )
    files[tree / "tools" / "1.0.lua"] = _module(
        "Small command-line tools, no interpreter", software / "tools" / "1.0"
    )
    return files


def _module(title: str, folder: Path, more: str = "") -> str:
    return f'whatis("{title}")\n{more}prepend_path("PATH", "{folder}/bin")\n'
