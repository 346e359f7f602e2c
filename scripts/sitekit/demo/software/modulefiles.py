"""The demo's module tree as Lmod reads it. Pure: paths and versions in, files out."""

from __future__ import annotations

from pathlib import Path

BROKEN = "broken/1.0"
"""Looks like a Python with everything, and cannot be loaded: what it depends on was removed. Every
cluster has one."""


def modulefiles(
    tree: Path, software: Path, pythons: dict[str, Path | None], default: str, r: str
) -> dict[Path, str]:
    """Path -> text of every modulefile. `pythons` maps a version to the folder of its own
    libraries, if any."""
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
