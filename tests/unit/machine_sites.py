"""Sites and machines for the tests of the machine room."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from sitekit.base.data_files import data
from sitekit.machine.host.platform import Platform, platforms
from sitekit.site import Site, load_site

PROGRAMS = ("apache2", "openssl", "systemd-analyze", "useradd", "visudo")
MACHINE_PAGE = Path(__file__).parents[2] / "docs" / "machine.md"
can_change = pytest.mark.skipif(
    os.geteuid() != 0
    or not all(shutil.which(program, path="/usr/sbin:/usr/bin") for program in PROGRAMS),
    reason=f"needs root, and {', '.join(PROGRAMS)}",
)
ACCOUNTS = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/bash\nwww-data:x:33:33::/var/www:/usr/sbin/nologin\n",
    "etc/group": "root:x:0:\nshadow:x:42:\nwww-data:x:33:\njupyter-users:x:2000:\njupyter-admins:x:2001:\n",
    "etc/shadow": "root:*:19000:0:99999:7:::\nwww-data:*:19000:0:99999:7:::\n",
    "etc/gshadow": "root:*::\nshadow:*::\nwww-data:*::\njupyter-users:!::\njupyter-admins:!::\n",
    "etc/subuid": "alice:100000:65536\n",
    "etc/subgid": "alice:100000:65536\n",
    "etc/passwd-": "root:x:0:0:root:/root:/bin/bash\n",
    "etc/shadow-": "root:*:19000:0:99999:7:::\n",
    "etc/group-": "root:x:0:\n",
    "etc/.pwd.lock": "",
    "etc/login.defs": "SYS_UID_MIN 100\nSYS_UID_MAX 999\nSYS_GID_MIN 100\nSYS_GID_MAX 999\n",
    "etc/os-release": 'ID=debian\nVERSION_ID="12"\n',
    "etc/pam.d/login": "auth required pam_unix.so\n",
    "usr/lib/x86_64-linux-gnu/security/pam_sss.so": "",
    "etc/sudoers.d/README": "the distribution's own\n",
}


def demo(**changes: object) -> Site:
    """The demo site, with sections replaced by name: `demo(front={"instance": "system"})`."""
    return shipped("demo", **changes)


def shipped(site: str, **changes: object) -> Site:
    """A site of config/sites, changed in the same way."""
    return changed(load_site(data(f"config/sites/{site}.yml")), **changes)


def changed(site: Site, **changes: object) -> Site:
    """A site with sections replaced by name."""
    values = site.model_dump(mode="json")
    for name, change in changes.items():
        values[name] = values[name] | change if isinstance(change, dict) else change
    return Site.model_validate(values)


def as_nobody(*words: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the kit's Python as an account that may nothing, wherever the checkout lies: it is seen
    as /mnt meanwhile."""
    script = 'mount --make-rprivate / && mount --bind "$1" /mnt && shift && cd / && exec "$@"'
    drop = [
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        "/mnt/.kit/bin/python",
        *words,
    ]
    return subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, "sh", Path(__file__).parents[2], *drop],
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": "/mnt/scripts:/mnt/tests/unit", "LANG": "C.UTF-8", **environment},
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip


def family(name: str = "debian") -> Platform:
    return platforms()[name]


def bare_machine(root: Path) -> Path:
    """A file tree with accounts and the folders that a distribution has."""
    for name, text in ACCOUNTS.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    # as on Debian, whose tools give the copies beside them to this group, too
    if os.geteuid() == 0:
        for name in ("shadow", "gshadow"):
            shutil.chown(root / "etc" / name, 0, 42)
            (root / "etc" / name).chmod(0o640)
    for name in ("run", "usr/local", "var/lib", "var/log"):
        (root / name).mkdir(parents=True)
    return root


APACHE = {
    "headers": (), "mime": (), "mpm_event": (), "proxy": (), "proxy_http": ("proxy",), "reqtimeout": (), "setenvif": (),
    "socache_shmcb": (), "ssl": ("setenvif", "mime", "socache_shmcb"), "alias": (), "authz_core": (),
}  # fmt: skip
SETTINGS = ("alias", "mime", "proxy", "setenvif", "ssl")


def with_apache(root: Path, *enabled: str) -> Path:
    """The machine with an Apache of Debian's, in which the modules `enabled` are so already."""
    conf = root / "etc/apache2"
    for name in ("mods-available", "mods-enabled", "sites-available", "sites-enabled"):
        (conf / name).mkdir(parents=True)
    for name, depends in APACHE.items():
        said = f"# Depends: {' '.join(depends)}\n" if depends else ""
        load = f"{said}LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"
        (conf / f"mods-available/{name}.load").write_text(load)
    for name in SETTINGS:
        (conf / f"mods-available/{name}.conf").write_text("# settings\n")
    for name in enabled:
        (conf / f"mods-enabled/{name}.load").symlink_to(f"../mods-available/{name}.load")
    return root


def tree(root: Path) -> dict[str, tuple[int, int, int, bytes | None]]:
    """Everything below `root` but sitekit's lock: mode, owner, group, and content or where a link
    points, by path."""
    found = {}
    for path in sorted(set(root.rglob("*")) - {root / "run/sitekit.lock"}):
        status = path.lstat()
        content = (
            os.readlink(path).encode()
            if path.is_symlink()
            else path.read_bytes()
            if path.is_file()
            else None
        )
        found[str(path.relative_to(root))] = (status.st_mode, status.st_uid, status.st_gid, content)
    return found


def documented() -> dict[str, int]:
    """The exposures in docs/machine.md, in tenths; two more for the few settings that differ from
    site to site."""
    rows = re.findall(
        r"^\| `sitekit-NAME-(\w+)\.\w+` \|[^|]*\| ([\d.]+) \|",
        MACHINE_PAGE.read_text(),
        re.MULTILINE,
    )
    return {part: round(float(figure) * 10) + 2 for part, figure in rows}
