"""Small real wheels, and a channel made of them and of this machine's own Python, for the tests of
the release."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import os
import platform
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest
from tests.processes import has_ended, processes
from tests.slurm import until

from sitekit.base.module_in_child_process import ask_child_process
from sitekit.environment.wheels import python_node_proxy_packages
from sitekit.environment.wheels.build_conda_channel import CONVERT
from sitekit.environment.wheels.convert_one_wheel import target_environment
from sitekit.environment.wheels.write_conda_package import write_repodata
from sitekit.site import Site, load_site

TOP = Path(__file__).parents[2]
VERSION = platform.python_version()
SHORT = ".".join(VERSION.split(".")[:2])

needs_system_python = pytest.mark.skipif(
    not Path(f"/usr/lib/python{SHORT}/os.py").exists()
    or not Path(f"/usr/bin/python{SHORT}").exists(),
    reason=f"needs the distribution's own Python {SHORT}, to make a package of it",
)


def wheel(
    folder: Path,
    name: str,
    files: dict[str, str],
    *,
    version: str = "1.0",
    tag: str = "py3-none-any",
    requires: tuple[str, ...] = (),
    scripts: str = "",
) -> Path:
    """Write a wheel with these files (path -> text) into `folder`."""
    info = f"{name}-{version}.dist-info"
    metadata = [
        "Metadata-Version: 2.1",
        f"Name: {name}",
        f"Version: {version}",
        "Requires-Python: >=3.8",
    ]
    metadata += [f"Requires-Dist: {line}" for line in requires]
    inside = {**files, f"{info}/METADATA": "\n".join(metadata) + "\n"}
    inside[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n"
    if scripts:
        inside[f"{info}/entry_points.txt"] = f"[console_scripts]\n{scripts}\n"
    record = io.StringIO()
    for path, text in inside.items():
        digest = (
            base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
        )
        csv.writer(record).writerow([path, f"sha256={digest}", len(text)])
    inside[f"{info}/RECORD"] = record.getvalue() + f"{info}/RECORD,,\n"
    file = folder / f"{name}-{version}-{tag}.whl"
    with zipfile.ZipFile(file, "w") as archive:
        for path, text in inside.items():
            archive.writestr(path, text)
    return file


def small_wheels(folder: Path) -> list[Path]:
    """`hello`, which needs `words[loud]`, which needs `horn`; and a compiled one."""
    folder.mkdir(exist_ok=True)
    short = SHORT.replace(".", "")
    return [
        wheel(
            folder,
            "hello",
            {
                "hello.py": "import words\ndef main():\n    print(words.GREETING)\n",
                "hello-1.0.data/scripts/hello-script": "#!python\nimport hello\nhello.main()\n",
                "hello-1.0.data/data/etc/hello/hello.json": "{}\n",
            },
            requires=(
                "words[loud]>=1,<2",
                "nothere; sys_platform == 'win32'",
                "tests-only; extra == 'test'",
            ),
            scripts="hello = hello:main",
        ),
        wheel(
            folder,
            "words",
            {"words.py": "GREETING = 'good morning'\n"},
            requires=("horn; extra == 'loud'",),
        ),
        wheel(folder, "horn", {"horn.py": ""}),
        wheel(
            folder,
            "Stone_Age",
            {"stone.py": ""},
            tag=f"cp{short}-cp{short}-linux_{os.uname().machine}",
        ),
    ]


def small_channel(folder: Path) -> Path:
    """A channel of the small wheels and of this machine's Python."""
    small_wheels(folder / "wheels")
    wheels = sorted((folder / "wheels").glob("*.whl"))
    channel = folder / "channel"
    request = {
        "wheels": [str(file) for file in wheels],
        "mine": [str(file) for file in wheels],
        "channel": str(channel),
        "target": target_environment(VERSION),
    }
    entries = ask_child_process(CONVERT, request, timeout=300)
    entries.append(python_node_proxy_packages.python_package(channel, Path("/usr"), VERSION))
    write_repodata(channel, entries)
    return channel


def site_at(folder: Path, channel: Path | str, fallback: str = "none") -> Site:
    """The demo's site, with its prefix below `folder` and its packages from `channel`."""
    text = (TOP / "config/sites/demo.yml").read_text()
    text = text.replace("/opt/sitekit/demo", str(folder / "prefix"))
    address = channel.as_uri() if isinstance(channel, Path) else channel
    text = text.replace("channels: [conda-forge]", f"channels: ['{address}']").replace(
        "fallback: wheels", f"fallback: {fallback}"
    )
    file = folder / "site.yml"
    file.write_text(text)
    return load_site(file)


def until_group_has_ended(group: int) -> None:
    """Wait until all processes of a process group have ended. A process that was killed may write
    for a moment."""
    until(lambda: not _members(group), 120)


def _members(group: int) -> list[int]:
    """Return the processes of a process group that have not ended."""
    found = []
    for folder in processes():
        with suppress(ProcessLookupError):
            if os.getpgid(int(folder.name)) == group and not has_ended(folder.name):
                found.append(int(folder.name))
    return found
