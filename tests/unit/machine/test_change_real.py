"""The real /etc and the real accounts of this machine, in a mount namespace whose changes nobody else sees."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from machine_sites import can_change, demo
from tests.packages import install

from sitekit.site.show import dump

pytestmark = can_change
SCRIPTS = Path(__file__).parents[3] / "scripts"

# $1 is a folder on a tmpfs, $2 the Python. /etc is a copy of this machine's, so that nobody else changes it meanwhile.
INSIDE = r"""
set -eu
mount --make-rprivate /
cp -a /etc "$1/etc"
mount --bind "$1/etc" /etc
rm -rf /etc/sitekit  # other sites of this machine, such as the demo, whose folders are not here
[ -e /etc/.pwd.lock ] || touch /etc/.pwd.lock
mkdir "$1/upper" "$1/work"
mount -t overlay overlay -o "lowerdir=/usr/local,upperdir=$1/upper,workdir=$1/work" /usr/local
for place in /run /var/lib /var/log /var/backups; do
    mount -t tmpfs none "$place"
done
list() {
    find /etc /usr/local /var/lib /var/log /var/backups -xdev -printf '%y %p %m %U %G %l\n' | sort
    find /etc -xdev -type f -exec sha256sum {} + | sort
}
export SITE="$1/site.yml"
list >"$1/before"
code=0; "$2" -m sitekit diff >"$1/diff" || code=$?; [ $code = 1 ]
"$2" -m sitekit apply
"$2" -m sitekit diff
id -nG hub-of-test
list >"$1/between"
"$2" -m sitekit uninstall purge
list >"$1/after"
diff "$1/before" "$1/after"
"""


def test_the_real_etc_and_accounts_are_byte_identical_after_install_and_uninstall():
    """passwd, group, shadow, gshadow, subuid, and the copies beside them that the tools keep; all else of /etc."""
    site = demo(
        name="test",
        supervisor="systemd",
        paths={"state": "/var/lib/sitekit/test"},
        hub={"user": "hub-of-test", "port": 18181},
        proxy={"user": "proxy-of-test", "port": 18100, "api_port": 18101},
        front={"url": "https://localhost:18443"},
        login={"allowed_groups": ["users"], "admin_groups": []},
        slurm={"conf": "/etc/debian_version"},  # names no cluster, so that Slurm's programs end at once
    )
    install("slurm-client")
    scratch = Path("/dev/shm/sitekit-test")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(0o700)
    try:
        (scratch / "site.yml").write_text(dump(site))
        words = ["unshare", "--mount", "sh", "-c", INSIDE, "sh", scratch, sys.executable]
        environment = {**os.environ, "PYTHONPATH": str(SCRIPTS)}
        done = subprocess.run(words, capture_output=True, text=True, env=environment, timeout=120)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        assert {"hub-of-test", "proxy-of-test", "shadow"} in [set(line.split()) for line in done.stdout.splitlines()]
        assert "ok the machine is what the site says" in done.stdout
        assert "+++ /etc/sudoers.d/sitekit-test" in (scratch / "diff").read_text()
        assert (scratch / "between").read_text() != (scratch / "before").read_text()
    finally:
        shutil.rmtree(scratch)
