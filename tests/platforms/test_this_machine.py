"""The real /etc and the real accounts of this machine, in a mount namespace whose changes nobody
else sees."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from machine_sites import can_change, demo

from sitekit.site.show import dump
from tests.packages import install

pytestmark = can_change
SCRIPTS = Path(__file__).parents[2] / "scripts"

INSIDE = Path(__file__).parent / "programs" / "install_and_uninstall.sh"


def test_the_real_etc_and_accounts_are_byte_identical_after_install_and_uninstall():
    """passwd, group, shadow, gshadow, subuid, and the copies beside them that the tools keep; all
    else of /etc."""
    site = demo(
        name="test",
        supervisor="systemd",
        paths={"state": "/var/lib/sitekit/test"},
        hub={"user": "hub-of-test", "port": 18181},
        proxy={"user": "proxy-of-test", "port": 18100, "api_port": 18101},
        front={"url": "https://localhost:18443"},
        login={"allowed_groups": ["users"], "admin_groups": []},
        # names no cluster, so that Slurm's programs end at once
        slurm={"conf": "/etc/debian_version"},
    )
    install("slurm-client")
    scratch = Path("/dev/shm/sitekit-test")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(0o700)
    try:
        (scratch / "site.yml").write_text(dump(site))
        words = ["unshare", "--mount", "sh", INSIDE, scratch, sys.executable]
        environment = {**os.environ, "PYTHONPATH": str(SCRIPTS)}
        done = subprocess.run(words, capture_output=True, text=True, env=environment, timeout=600)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        assert {"hub-of-test", "proxy-of-test", "shadow"} in [
            set(line.split()) for line in done.stdout.splitlines()
        ]
        assert "ok the machine is what the site says" in done.stdout
        assert "+++ /etc/sudoers.d/sitekit-test" in (scratch / "diff").read_text()
        assert (scratch / "between").read_text() != (scratch / "before").read_text()
    finally:
        shutil.rmtree(scratch)
