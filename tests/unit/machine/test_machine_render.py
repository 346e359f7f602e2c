"""Site -> files: golden, and read by the very programs that they are for."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from golden_sites import CASES, GOLDEN, PAIRS, WHOLE, difference, rendered, site_of, texts
from machine_sites import demo, documented, family

from sitekit.base.data_files import data
from sitekit.machine.host.platform import this_platform
from sitekit.machine.render.rendered_files import folders, render
from sitekit.machine.web.certificate import self_signed, serves
from sitekit.site import load_site
from sitekit.site.show import dump

UNITS = [case for case in CASES if site_of(case)[0].supervisor == "systemd"]


@pytest.mark.parametrize("case", WHOLE)
def test_golden(case: str, request: pytest.FixtureRequest):
    shown, folder = texts(case), GOLDEN / case
    if request.config.getoption("--update-golden"):
        shutil.rmtree(folder, ignore_errors=True)
        for name, text in shown.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
    files = [path for path in folder.rglob("*") if path.is_file()]
    there = {str(path.relative_to(folder)): path.read_text() for path in files}
    assert shown == there, "look at it; if it is right: pytest --update-golden"


@pytest.mark.parametrize("case", PAIRS)
def test_golden_changes(case: str, request: pytest.FixtureRequest):
    """A small site file, and beside it the part of the rendering that it changes."""
    shown, file = difference(case), GOLDEN / f"{case}.txt"
    if request.config.getoption("--update-golden"):
        file.write_text(shown)
    assert shown == file.read_text(), "look at it; if it is right: pytest --update-golden"


def test_no_golden_file_is_left_of_a_case_that_is_gone():
    pairs = {f"{case}.{kind}" for case in PAIRS for kind in ("yml", "txt")}
    assert {path.name for path in GOLDEN.iterdir()} == {*WHOLE, "own.yml", *pairs}


def test_nothing_of_the_machine_is_in_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Neither the clock, nor the host's name, nor the working directory, nor the environment."""
    before = rendered("demo-systemd")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    monkeypatch.setenv("HOME", "/elsewhere")
    assert rendered("demo-systemd") == before
    assert os.uname().nodename not in {
        word for file in before.values() for word in re.findall(r"[\w.-]+", file.content)
    }


def test_the_dumped_site_is_the_same_site(tmp_path: Path):
    for case in CASES:
        site, _ = site_of(case)
        path = tmp_path / f"{case}.yml"
        path.write_text(dump(site))
        assert load_site(path) == site


def test_every_default_is_dumped():
    text = dump(demo())
    assert "lmod:" in text and "api_port: 18001" in text
    assert "conf: null" in dump(demo(slurm={"conf": None}))


def test_gate_lies_beside_what_it_reads_and_belongs_to_root():
    site = demo()
    files = render(site, family())
    gate = files[site.libexec / "gate"]
    assert (gate.mode, gate.owner, gate.content) == (
        0o755,
        "root",
        data("scripts/gate").read_text(),
    )
    assert files[site.libexec / "end"] == gate
    assert json.loads(files[site.libexec / "gate.json"].content)["groups"] == ["jupyter-users"]
    assert "{{" not in files[site.libexec / "job.sh"].content
    assert all(file.mode & 0o022 == 0 for file in files.values())


def test_every_file_has_its_folder():
    for case in CASES:
        site, platform = site_of(case)
        there = folders(site, family(platform))
        assert all(path.parent in there for path in render(site, family(platform)))
        assert all(path.parent in there or path.parent == Path("/") for path in there)


# Read by the programs that they are for.


def needs(program: str) -> str:
    path = shutil.which(program, path="/usr/sbin:/usr/bin:/sbin:/bin")
    if path is None:
        pytest.skip(f"{program} is not installed")
    return path


@pytest.mark.parametrize("case", CASES)
def test_visudo_takes_the_rule(case: str, tmp_path: Path):
    """A hub that reaches Slurm by SSH needs no rule, and has none."""
    visudo = needs("visudo")
    site, platform = site_of(case)
    file = rendered(case).get(family(platform).sudoers / f"sitekit-{site.name}")
    assert (file is None) == (site.slurm.ssh is not None)
    if file is None:
        return
    assert file.mode == 0o440
    (tmp_path / "rule").write_text(file.content)
    done = subprocess.run(
        [visudo, "-c", "-s", "-f", tmp_path / "rule"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_the_rules_are_one_command_each_without_arguments_for_members_and_to_end_what_is_left():
    site = demo(login={"allowed_groups": ["jupyter-users", "staff"]})
    text = render(site, family())[Path("/etc/sudoers.d/sitekit-demo")].content
    rules = [line for line in text.splitlines() if not line.startswith(("#", "Defaults"))]
    assert rules == [
        "jupyterhub-daemon ALL=(%jupyter-users, %staff, !root, !#0, !jupyterhub-daemon, !jupyterhub-proxy) "
        'NOPASSWD: /usr/local/libexec/sitekit/demo/gate ""',
        "jupyterhub-daemon ALL=(ALL, !root, !#0, !jupyterhub-daemon, !jupyterhub-proxy) "
        'NOPASSWD: /usr/local/libexec/sitekit/demo/end ""',
    ]
    assert "SETENV" not in text and "!setenv" in text and "env_reset" in text


@pytest.mark.parametrize("case", UNITS)
def test_systemd_takes_the_units_without_a_word(case: str, tmp_path: Path):
    analyze = needs("systemd-analyze")
    site, platform = site_of(case)
    # another test may install packages meanwhile
    not_yet = shutil.ignore_patterns("*.dpkg-*")
    units_here = tmp_path / "usr/lib/systemd/system"
    shutil.copytree("/lib/systemd/system", units_here, symlinks=True, ignore=not_yet)
    (tmp_path / "lib").symlink_to("usr/lib")
    for program in (
        site.current / "bin/jupyterhub",
        site.current / "bin/configurable-http-proxy",
        site.current / "bin/python",
        Path("/bin/kill"),
        Path("/bin/sh"),
        family(platform).apache.program,
        family(platform).nginx.program,
        site.libexec / "tunnel_sshd",
        site.libexec / "container_service",
    ):
        stub = tmp_path / program.relative_to("/")
        stub.parent.mkdir(parents=True, exist_ok=True)
        stub.write_text("#!/bin/sh\n")
        stub.chmod(0o755)
    units = {
        path: file for path, file in rendered(case).items() if path.suffix in (".service", ".timer")
    }
    for path, file in units.items():
        (tmp_path / path.relative_to("/")).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path.relative_to("/")).write_text(file.content)
    done = subprocess.run(
        [analyze, "verify", "--man=no", f"--root={tmp_path}", *units],
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    for path in units:
        if path.suffix == ".service":
            exposure(analyze, tmp_path, path, documented()[path.stem.rpartition("-")[2]])


def test_the_daily_check_comes_with_the_hub_where_systemd_is_and_can_be_turned_off():
    units = {
        Path("/etc/systemd/system/sitekit-demo-kernels").with_suffix(kind)
        for kind in (".timer", ".service")
    }
    off = demo(supervisor="systemd")
    off = off.model_copy(
        update={
            "kernels": off.kernels.model_copy(
                update={"check": off.kernels.check.model_copy(update={"at": "never"})}
            )
        }
    )
    assert units <= set(rendered("demo-systemd")) and not units & set(rendered("demo"))
    files = render(off, family())
    hub = files[Path("/etc/systemd/system/sitekit-demo-hub.service")].content
    assert not units & set(files) and "kernels" not in hub


def test_the_proxys_exposure_is_what_was_asked_for():
    assert documented()["proxy"] <= 20


def exposure(analyze: str, root: Path, unit: Path, highest: int) -> None:
    """At most `highest` tenths on systemd's own scale, in which 100 is no protection at all."""
    words = [
        "security",
        "--offline=true",
        "--no-pager",
        f"--threshold={highest}",
        f"--root={root}",
        unit,
    ]
    done = subprocess.run([analyze, *words], capture_output=True, text=True)
    assert done.returncode == 0, (done.stdout[-200:], done.stderr)


@pytest.mark.parametrize(
    "host",
    ["localhost", "jupyter.example.org", "192.0.2.7", "a" * 60 + "." + "b" * 60 + ".example.org"],
)
def test_a_self_signed_certificate_is_for_its_host_and_no_other(host: str, tmp_path: Path):
    needs("openssl")
    site = demo(front={"url": f"https://{host}:8443"})
    cert, key = self_signed(site)
    (tmp_path / "cert.pem").write_text(cert)
    assert serves(tmp_path / "cert.pem", site, 86400)
    assert not serves(
        tmp_path / "cert.pem", demo(front={"url": "https://other.example.org:8443"}), 0
    )
    assert "PRIVATE KEY" in key
    names = subprocess.run(
        ["openssl", "x509", "-in", tmp_path / "cert.pem", "-noout", "-ext", "subjectAltName"],
        capture_output=True,
        text=True,
    )
    assert ("127.0.0.1" in names.stdout) == (host == "localhost")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("ID=debian\n", "debian"),
        ("ID=ubuntu\nID_LIKE=debian\n", "debian"),
        ('ID="rocky"\nID_LIKE="rhel centos fedora"\n', "el"),
        ('ID=newish\nID_LIKE="x rhel"\n', "el"),
    ],
)
def test_the_family_of_a_distribution(text: str, name: str, tmp_path: Path):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/os-release").write_text(text)
    assert this_platform(tmp_path) == family(name)


def test_an_unknown_distribution_is_refused_by_name(tmp_path: Path):
    from sitekit.base.errors import BadInput

    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/os-release").write_text("ID=plan9\n")
    with pytest.raises(BadInput, match="plan9"):
        this_platform(tmp_path)
