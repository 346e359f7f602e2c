"""A place with this machine's programs, but with accounts, configuration, state and network of its
own."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..conftest import CHECKOUT

# In namespaces of mounts and network: what is written to these folders goes to a memory disk, and
# `lo` is all there is.
PLACE = Path(__file__).with_name("place.sh")
COPY = """
cp -a /etc "$0" 2>"$0/gone" || ! grep -v "No such file" "$0/gone" || exit 1
mount --bind "$0/etc" /etc
"""
SERVES_WITHIN = 180  # seconds that a program may take until it serves


@dataclass(frozen=True)
class Elsewhere:
    """`pid` holds the namespaces open."""

    pid: int

    @property
    def root(self) -> Path:
        """Its file tree, as this process reaches it."""
        return Path(f"/proc/{self.pid}/root")

    def argv(self, *words: object) -> list[str]:
        return ["nsenter", "-t", str(self.pid), "-m", "-n", "--", *map(str, words)]

    def run(
        self, *words: object, check: bool = True, **more: object
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            self.argv(*words), capture_output=True, text=True, timeout=600, **more
        )
        assert not check or done.returncode == 0, (words, done.stdout, done.stderr)
        return done

    def copy_etc(self, folder: Path) -> None:
        """Give the place a copy of /etc, which nobody else changes meanwhile.

        A file that goes away while the copy is made is no fault: other tests change /etc.
        """
        self.run("sh", "-c", COPY, folder)

    def kit(self, command: str, site: Path, **variables: str) -> str:
        """A command of the kit, as `make` runs it."""
        environment = {
            **os.environ,
            "SITE": str(site),
            "PYTHONPATH": str(CHECKOUT / "scripts"),
            **variables,
        }
        return self.run(sys.executable, "-m", "sitekit", command, env=environment).stdout

    @contextmanager
    def up(self, *words: object, until: str = "", **variables: str) -> Iterator[subprocess.Popen]:
        """A program that runs in there while this lasts; `until` is a command that succeeds once it
        serves."""
        environment = {**os.environ, **variables}
        with tempfile.TemporaryFile() as said:  # a pipe that nobody reads would hold the program up
            program = subprocess.Popen(
                self.argv(*words), env=environment, stdout=said, stderr=subprocess.STDOUT
            )
            try:
                deadline = time.monotonic() + SERVES_WITHIN
                while until and self.run("sh", "-c", until, check=False).returncode:
                    if program.poll() is not None or time.monotonic() > deadline:
                        said.seek(0)
                        raise AssertionError(f"{words[0]} does not serve: {said.read()}")
                    time.sleep(0.1)
                yield program
            finally:
                program.terminate()
                program.wait(90)


@contextmanager
def elsewhere(folder: Path, parts: str = "etc var run usr/local") -> Iterator[Elsewhere]:
    """Such a place, while this lasts, with `parts` of the file tree of its own. `folder` is empty,
    and stays so."""
    argv = ["unshare", "-m", "-n", "sh", PLACE, folder, parts]
    holder = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "ready\n"
        yield Elsewhere(holder.pid)
    finally:
        holder.terminate()
        holder.wait(90)
        holder.stdout.close()
