"""The demo with a group for participants, whose members sshd refuses, and the commands about their
accounts."""

from __future__ import annotations

import grp
import os
import pwd
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sitekit.machine.participants.account_record import FOLDER, HIGHEST, Record
from sitekit.machine.participants.read_etc_passwd import FILES
from sitekit.site import Site
from sitekit.site.show import dump

from ..applied import applied
from ..conftest import CHECKOUT, Demo

GROUP, PREFIX = "workshop", "training"
COPIES = tuple(path.with_name(f"{path.name}-") for path in FILES)
"""The copies that the account tools keep."""


@dataclass(frozen=True)
class Kit:
    """Run commands for the site in `file`."""

    site: Site
    file: Path

    def start(self, *words: str, **options: object) -> subprocess.Popen[str]:
        environment = {
            **os.environ,
            "PYTHONPATH": str(CHECKOUT / "scripts"),
            "SITE": str(self.file),
        }
        argv = [sys.executable, "-B", "-m", "sitekit", *words]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        return subprocess.Popen(argv, env=environment, text=True, **pipes, **options)

    def run(self, *words: str) -> tuple[int, str]:
        """Return the exit code, and what the command printed."""
        with self.start(*words) as process:
            printed = process.communicate(timeout=600)[0]
        return process.returncode, printed

    def make(self, count: int, *words: str) -> str:
        code, printed = self.run(
            "accounts", f"COUNT={count}", f"PREFIX={PREFIX}", f"GROUP={GROUP}", *words
        )
        assert code == 0, printed
        return printed

    def remove(self, *words: str) -> str:
        code, printed = self.run("accounts_remove", f"PREFIX={PREFIX}", *(words or ["DATA=remove"]))
        assert code == 0, printed
        return printed

    def record(self) -> Record:
        return Record.model_validate_json((FOLDER / self.site.name / f"{PREFIX}.json").read_text())


@pytest.fixture(scope="package")
def workshop(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kit]:
    subprocess.run(["groupadd", GROUP], check=True)
    try:
        groups = [*demo.site.login.allowed_groups, GROUP]
        with applied(login={"allowed_groups": groups, "deny_ssh": [GROUP]}) as site:
            file = tmp_path_factory.mktemp("workshop") / "site.yml"
            file.write_text(dump(site))
            yield Kit(site, file)
    finally:
        subprocess.run(["groupdel", GROUP], check=True)


@pytest.fixture
def kit(workshop: Kit) -> Iterator[Kit]:
    """Afterwards no account, home or record of a test is left, also after a failure."""
    before = contents()
    yield workshop
    workshop.run("accounts_remove", f"PREFIX={PREFIX}", "DATA=remove", "END=1")
    left = [entry.pw_name for entry in pwd.getpwall() if entry.pw_name.startswith(PREFIX)]
    left += [entry.gr_name for entry in grp.getgrall() if entry.gr_name.startswith(PREFIX)]
    for name in left:
        subprocess.run(["userdel", "--remove", "--force", name], capture_output=True)
        subprocess.run(["groupdel", name], capture_output=True)
    restore_copies(before)
    assert left == [] and contents() == before
    assert {path.name for path in FOLDER.glob("*")} <= {HIGHEST}
    assert not list(Path("/home").glob(f"{PREFIX}*"))


def restore_copies(before: dict[Path, tuple[bytes, int, int]]) -> None:
    """Tools that a test ran by itself, or killed, have written the copies of the account tools."""
    for path in COPIES:
        if path in before:
            path.write_bytes(before[path][0])
        else:
            path.unlink(missing_ok=True)


def contents() -> dict[Path, tuple[bytes, int, int]]:
    """Return the files of accounts and their copies, with mode and group."""
    there = [path for path in (*FILES, *COPIES) if path.exists()]
    return {path: (path.read_bytes(), path.stat().st_mode, path.stat().st_gid) for path in there}
