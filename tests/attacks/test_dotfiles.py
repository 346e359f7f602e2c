"""A home directory full of traps: none is sprung by the server's start. They may be inside a
terminal or a notebook."""

from __future__ import annotations

import json
import os
import pwd
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..conftest import Demo
from ..person import Person
from ..processes import environment_of
from ..slurm import ask, jobs, until
from .certificates import session_process

SHELL = [
    ".bashrc",
    ".profile",
    ".bash_profile",
    ".bash_login",
    ".bash_env",
    ".zshenv",
    ".zshrc",
    ".kshrc",
    ".cshrc",
    ".tcshrc",
    ".login",
    ".shrc",
    ".env",
    ".envrc",
    ".pythonrc",
]
PROGRAMS = [
    "python",
    "python3",
    "sh",
    "bash",
    "env",
    "readlink",
    "node",
    "git",
    "jupyter",
    "jupyter-labhub",
    "jupyterhub-singleuser",
    "lmod",
    "sbatch",
    "uname",
    "ldconfig",
    "id",
]
MODULES = [
    "sitecustomize",
    "usercustomize",
    "sitekit",
    "jupyterhub",
    "jupyter_server",
    "jupyter_core",
    "tornado",
    "json",
    "ssl",
    "traitlets",
    "attack_extension",
    "runpy",
    "encodings",
]
CONFIGS = [
    "jupyter_config",
    "jupyter_server_config",
    "jupyter_notebook_config",
    "jupyter_lab_config",
    "jupyterhub_config",
    "singleuser",
    "jupyterhub_singleuser_config",
    "jupyter_labhub_config",
    "jupyter_application_config",
]


def traps(home: Path, marks: Path, version: str) -> dict[Path, str]:
    """Every file that some program reads at its start -> one that leaves a mark named like itself."""

    def mark(path: Path) -> str:
        return str(marks / str(path.relative_to(home)).replace("/", "+"))

    def shell(path: Path) -> str:
        return f'#!/bin/sh\ntouch "{mark(path)}"\n'

    def python(path: Path) -> str:
        return f"open({mark(path)!r}, 'w').close()\ndef _jupyter_server_extension_points(): return []\n"

    found = {home / name: shell(home / name) for name in SHELL}
    for folder in ("bin", ".local/bin", "sbin", ".bin"):
        found |= {home / folder / name: shell(home / folder / name) for name in PROGRAMS}
    for folder in (".", f".local/lib/{version}/site-packages", "lib/python"):
        found |= {
            home / folder / f"{name}.py": python(home / folder / f"{name}.py") for name in MODULES
        }
    pth = home / f".local/lib/{version}/site-packages/attack.pth"
    found[pth] = f"import os; open({mark(pth)!r}, 'w').close()\n"
    for folder in (
        ".",
        ".jupyter",
        ".local/etc/jupyter",
        ".config/jupyter",
        ".local/share/jupyter",
    ):
        found |= {
            home / folder / f"{name}.py": python(home / folder / f"{name}.py") for name in CONFIGS
        }
        load = {
            "ServerApp": {
                "jpserver_extensions": {"attack_extension": True},
                "ip": "127.0.0.7",
                "token": "attack",
            }
        }
        found |= {home / folder / f"{name}.json": json.dumps(load) for name in CONFIGS}
        for name in ("jupyter_server_config.d", "jupyter_config.d", "jupyter_notebook_config.d"):
            found[home / folder / name / "attack.json"] = json.dumps(load)
    found[home / ".pip/pip.conf"] = found[home / ".config/pip/pip.conf"] = (
        "[global]\nindex-url = http://127.0.0.1:9/\n"
    )
    found[home / ".pam_environment"] = (
        f"BASH_ENV DEFAULT={home}/.bash_env\nPYTHONPATH DEFAULT={home}\n"
    )
    found[home / ".modulerc.lua"] = f'os.execute("touch {mark(home / ".modulerc.lua")}")\n'
    found[home / ".modulerc"] = f'#%Module\nexec touch "{mark(home / ".modulerc")}"\n'
    found[home / ".lmod.d/default"] = f'os.execute("touch {mark(home / ".lmod.d/default")}")\n'
    found[home / ".slurm/defaults"] = "*:*:partition=jupyter-long\n"
    found[home / ".inputrc"] = "$include /dev/zero\n"
    found[home / ".curlrc"] = f'output = "{mark(home / ".curlrc")}"\nproxy = http://127.0.0.1:9\n'
    found[home / ".wgetrc"] = f"output_document = {mark(home / '.wgetrc')}\n"
    found[home / ".netrc"] = (
        "machine 127.0.0.1 login mallory password x\nmachine localhost login mallory password x\n"
    )
    return found


def python_version(demo: Demo) -> str:
    """Such as python3.11."""
    python = [
        str(demo.site.current / "bin/python"),
        "-I",
        "-c",
        "import sys; print('python%d.%d' % sys.version_info[:2])",
    ]
    return subprocess.run(
        python, check=True, capture_output=True, text=True, timeout=300
    ).stdout.strip()


@pytest.fixture
def marks(demo: Demo, idle: Person, tmp_path: Path) -> Iterator[Path]:
    """bob's home with all of the traps; afterwards his own home is back, whatever was written
    meanwhile."""
    entry = pwd.getpwnam(idle.name)
    home = Path(entry.pw_dir)
    aside = home.with_name(f".{home.name}-aside-{os.getpid()}")
    folder = Path("/var/tmp") / f"sitekit-attack-{os.getpid()}"
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    home.rename(aside)
    try:
        subprocess.run(["cp", "--archive", aside, home], check=True, timeout=300)
        for path, text in traps(home, folder, python_version(demo)).items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            path.chmod(0o755)
        subprocess.run(
            ["chown", "--recursive", f"{entry.pw_uid}:{entry.pw_gid}", home],
            check=True,
            timeout=300,
        )
        yield folder
    finally:
        if idle.server() is not None:
            idle.stop_and_wait()
        # what still runs would write to the home that is removed
        until(lambda: not ask(demo.site, "squeue", "--noheader", f"--user={idle.name}"), 120)
        shutil.rmtree(home, ignore_errors=True)
        aside.rename(home)
        shutil.rmtree(folder)


def test_the_server_that_starts_is_the_releases(demo: Demo, idle: Person, marks: Path) -> None:
    assert idle.start("small")[-1].get("ready")
    assert idle.lab().status_code == 200
    assert idle.server_api("GET", "kernelspecs").status_code == 200
    assert sorted(path.name for path in marks.iterdir()) == [], (
        "these files of the user's were executed"
    )

    [job] = jobs(demo.site, idle.name)
    process = session_process(job.split()[0]).name
    release = demo.site.current.resolve()
    assert Path(f"/proc/{process}/exe").resolve().is_relative_to(release)
    mapped = set(re.findall(r"\s(/\S+)$", Path(f"/proc/{process}/maps").read_text(), re.MULTILINE))
    assert not [path for path in mapped if path.startswith("/home/")]
    environment = environment_of(process)
    assert not [
        name for name in environment if name == "ENV" or name.startswith(("PYTHON", "BASH_", "LD_"))
    ]
    assert environment["PATH"] == "/usr/local/bin:/usr/bin:/bin"
    assert not [value for value in environment.values() if str(marks) in value]
    assert "attack_extension" not in idle.lab().text
    # another way in that a configuration of the user's would have opened
    assert idle.http.get("/hub/logout").status_code == 200
    asked = idle.http.get(f"/user/{idle.name}/api/kernels?token=attack", follow_redirects=False)
    assert asked.status_code == 302 and asked.headers["location"].startswith("/hub/"), "the login"
    idle.login()


def test_the_traps_are_real(demo: Demo, marks: Path) -> None:
    """As bob, without the kit's precautions: the same Python runs bob's usercustomize, and a shell
    his profile."""
    from .gate import as_account

    home = pwd.getpwnam("bob").pw_dir
    environment = {"HOME": home, "PATH": f"{home}/bin:/usr/bin:/bin", "USER": "bob"}
    as_account(
        "bob", [str(demo.site.current / "bin/python"), "-c", "pass"], environment=environment
    )
    as_account("bob", ["/bin/sh", "-c", "uname"], environment=environment)
    as_account("bob", ["/bin/bash", "--login", "-c", ":"], environment=environment)
    sprung = {path.name for path in marks.iterdir()}
    assert {"bin+uname", ".bash_profile"} <= sprung
    assert any("usercustomize" in name for name in sprung) and any(
        name.endswith("attack.pth") for name in sprung
    )
