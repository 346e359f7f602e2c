"""How a kernel's modules are loaded: as the person it is for, on whatever node, and without a
shell."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
from collections.abc import Iterator

import kernel_site
import pytest
from kernel_site import KernelSite

from sitekit.kernels.trials.try_kernels import SMOKE

OF_THE_PERSON = """
setenv("THEIR_HOME", pathJoin(os.getenv("HOME"), "data"))
setenv("THEIR_NAME", os.getenv("USER") .. os.getenv("LOGNAME"))
"""
BY_CPU_TYPE = """
local arch = os.getenv("SITE_ARCH") or "generic"
prepend_path("PATH", "{software}/arch-" .. arch .. "/bin")
"""
SHELL = {
    "activate/1": '#%Module1.0\nprepend-path PATH {python}\nputs stdout "conda activate torch;"\n',
    "exports/1": '#%Module1.0\nprepend-path PATH {python}\nputs stdout "export FROM_THE_SHELL=1;"\n',
    "leaves/1": '#%Module1.0\nprepend-path PATH {python}\nputs stdout "exit 0;"\n',
    "greets/1": '#%Module1.0\nprepend-path PATH {python}\nputs stdout "echo hello;"\nset-alias py python\n',
}


@pytest.fixture(scope="module")
def site(hub_environment: None) -> Iterator[KernelSite]:
    with kernel_site.world_readable() as root:
        site = KernelSite(root)
        site.python_module("person/1", extra=OF_THE_PERSON)
        site.python_module("warns/1", extra='LmodWarning("this one is old")\n')
        site.python_module("env/2023-06")
        site.python_module("env/2024-01")
        (site.modules / "env" / ".modulerc.lua").write_text(
            'module_version("env/2023-06", "default")\n'
        )
        for arch in ("generic", "zen4"):
            site.python(f"arch-{arch}")
        site.python("arch-bare", ipykernel=False)
        site.module("arch/1", BY_CPU_TYPE.format(software=site.software))
        for name, text in SHELL.items():
            file = site.modules / name
            file.parent.mkdir()
            file.write_text(text.format(python=site.software / "arch-generic" / "bin"))
        site.rules.write_text(
            "discover: {exclude: ['env/*']}\nkernels:\n  - {modules: [env], id: python3-env}\n"
        )
        assert site.make() == 0
        yield site


def start(
    site: KernelSite, name: str, code: str = "1", files: dict[str, str] | None = None, **env: str
) -> dict:
    """What comes of a start by the published launcher, in a home with these files."""
    home = site.root / "home"
    home.mkdir(exist_ok=True)
    for file, text in (files or {}).items():
        (home / file).write_text(text)
    argv = json.loads((site.published / name / "kernel.json").read_text())["argv"]
    told = {
        "id": name,
        "environment": "",
        "argv": argv,
        "env": env,
        "home": str(home),
        "code": [code],
        "timeout": 400,
    }
    python = site.site.current / "bin" / "python"
    done = subprocess.run(
        [python, "-I", SMOKE],
        input=json.dumps({"starts": [told]}),
        capture_output=True,
        text=True,
        timeout=600,
    )
    for file in files or {}:
        (home / file).unlink()
    return json.loads(done.stdout)


SHOW = "import os; print(os.environ['THEIR_HOME'] == os.environ['HOME'] + '/data', os.environ['THEIR_NAME'])"


def test_a_module_sees_the_home_and_the_name_of_the_person(site: KernelSite) -> None:
    name = pwd.getpwuid(os.geteuid()).pw_name
    assert start(site, "person-1", SHOW)["printed"] == [f"True {name}{name}\n"]
    assert start(site, "person-1", SHOW, USER="alice", LOGNAME="alice")["printed"] == [
        "True alicealice\n"
    ]


@pytest.mark.parametrize("file", [".modulerc", ".modulerc.lua", ".lmodrc.lua"])
def test_nobodys_dotfiles_send_the_name_elsewhere(site: KernelSite, file: str) -> None:
    text = {
        ".modulerc": "#%Module\nmodule-alias person/1 warns/1\n",
        ".modulerc.lua": 'module_alias("person/1", "warns/1")\n',
        ".lmodrc.lua": "os.exit(3)\n",
    }[file]
    told = start(
        site,
        "person-1",
        SHOW + "; print(os.environ['LOADEDMODULES'])",
        {file: text},
        USER="a",
        LOGNAME="a",
    )
    assert told.get("printed") == ["True aa\nperson/1\n"], told


def test_a_module_that_only_warns_is_a_kernel(site: KernelSite) -> None:
    told = start(site, "warns-1")
    assert told.get("modules") == "warns/1", told


def test_a_name_without_a_version_is_lmods_default(site: KernelSite) -> None:
    launch = json.loads((site.published / "python3-env" / "launch.json").read_text())
    assert launch["modules"] == ["env/2023-06"] and "2023-06" in launch["title"]
    file = site.modules / "env" / ".modulerc.lua"
    file.write_text('module_version("env/2024-01", "default")\n')
    assert site.make() == 0
    launch = json.loads((site.published / "python3-env" / "launch.json").read_text())
    assert launch["modules"] == ["env/2024-01"] and "2024-01" in launch["title"]


ASK = "import os, sys; print(sys.prefix, os.environ['LOADEDMODULES'])"


def test_another_build_of_the_same_version_is_started(site: KernelSite) -> None:
    for arch in ("generic", "zen4"):
        told = start(site, "arch-1", ASK, SITE_ARCH=arch)
        assert told.get("printed") == [f"{site.software}/arch-{arch} arch/1\n"], told


@pytest.mark.parametrize("arch", ["none", "bare"])
def test_a_build_that_is_missing_or_has_no_kernel_is_told(site: KernelSite, arch: str) -> None:
    """Where the module brings none, the machine's own interpreter would be found."""
    reason = start(site, "arch-1", ASK, SITE_ARCH=arch)["reason"]
    assert (
        "has changed since it was tested" in reason
        and f"{site.software}/arch-generic/bin/python" in reason
    )


def test_another_version_is_told(site: KernelSite) -> None:
    launch = site.published / "arch-1" / "launch.json"
    text = launch.read_text()
    told = json.loads(text)
    told["another_build"]["test"][1] = told["another_build"]["test"][1].replace(
        "!= (3, ", "!= (3, 9"
    )
    launch.write_text(json.dumps(told))
    try:
        assert (
            "has changed since it was tested"
            in start(site, "arch-1", ASK, SITE_ARCH="zen4")["reason"]
        )
    finally:
        launch.write_text(text)


def test_modules_that_need_a_shell_are_told_and_others_pass(
    site: KernelSite, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    site.make(switch=False)
    said = " ".join(capsys.readouterr().out.split())
    assert {"activate-1", "exports-1", "leaves-1", "greets-1"} & set(site.names()) == {"greets-1"}
    assert "there, `conda activate torch` fails" in said
    assert "there, they change FROM_THE_SHELL" in said
    assert "end the shell they are loaded in" in said
