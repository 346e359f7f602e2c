"""Passwords that sssd checks: the hub is no member of `shadow`, and PAM lets the right ones in all the same."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sitekit.show import dump
from sitekit.site import Site

from ..conftest import Demo
from ..front.elsewhere import Elsewhere, elsewhere

PACKAGES = ("sssd-common", "sssd-proxy", "libpam-sss", "libnss-sss")
# The accounts of this machine, as if they came from a directory: sssd asks a service of PAM's, as root.
CONF = """[sssd]
services = nss, pam
domains = people
[domain/people]
id_provider = proxy
proxy_lib_name = files
auth_provider = proxy
proxy_pam_target = people
"""
PEOPLE = "auth required pam_unix.so nodelay\naccount required pam_unix.so\n"
TRY = """
import sys, pamela
user, service = sys.argv[1:]
try:
    pamela.authenticate(user, sys.stdin.read(), service=service)
    pamela.check_account(user, service=service)
    print("in")
except pamela.PAMError:
    print("out")
"""


@pytest.fixture
def place(demo: Demo, tmp_path: Path) -> Iterator[Elsewhere]:
    """Where sssd is installed and runs; the machine itself gets neither its packages nor their changes to PAM."""
    debs, overlay = tmp_path / "debs", tmp_path / "overlay"
    (debs / "partial").mkdir(parents=True)
    overlay.mkdir()
    only = ["-o", f"Dir::Cache::archives={debs}", "-o", "DPkg::Lock::Timeout=600", "-o", "APT::Sandbox::User=root"]
    apt = ["apt-get", "-qq", "--download-only", *only, "install", "-y", "--no-install-recommends", *PACKAGES]
    subprocess.run(apt, check=True, timeout=600, stdout=subprocess.DEVNULL)
    values = demo.site.model_dump(mode="json") | {"name": "sssd", "supervisor": "supervisord"}
    values["paths"] = {"prefix": "/opt/sitekit/none", "state": "/var/lib/sitekit/sssd"}
    values["login"]["passwords"] = "sssd"
    (tmp_path / "site.yml").write_text(dump(Site.model_validate(values)))
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with elsewhere(overlay, "etc var run usr") as there:
        there.run("gpasswd", "--delete", demo.site.hub.user, "shadow")
        there.run("sh", "-c", f"dpkg --install {debs}/*.deb", env=quiet)
        there.kit("apply", tmp_path / "site.yml")
        for path, text in (("/etc/sssd/sssd.conf", CONF), ("/etc/pam.d/people", PEOPLE)):
            there.run("sh", "-c", 'printf %s "$1" >"$0" && chmod 600 "$0"', path, text)
        with there.up("sssd", "-i", until="test -S /var/lib/sss/pipes/pam"):
            yield there


@pytest.mark.soak
def test_the_hub_checks_passwords_without_reading_a_hash(place: Elsewhere, demo: Demo) -> None:
    hub = demo.site.hub.user
    be_hub = ("setpriv", f"--reuid={hub}", f"--regid={hub}", "--init-groups")
    assert place.run(*be_hub, "cat", "/etc/shadow", check=False).returncode == 1
    python = (demo.site.current / "bin/python", "-I", "-c", TRY)
    for password, answer in (("wrong", "out"), (demo.passwords["alice"], "in"), ("", "out")):
        assert place.run(*be_hub, *python, "alice", "sitekit-sssd", input=password).stdout.strip() == answer
    assert place.run(*be_hub, *python, "nobody-here", "sitekit-sssd", input="x").stdout.strip() == "out"
