"""Read environment variables and the umask from the user's login shell, for kernels and terminals.

site.yml lists the variables that are read. The shell runs while the server starts, in an
environment without secrets. sitekit uses the shell's values only after all settings of the server
itself have been determined.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable
from typing import IO

SHELL_TIMEOUT = 10.0  # seconds
ANSWER_LIMIT = 1024**2  # bytes
# The output before the first NUL character has two parts: the text that the dotfiles print, and the
# umask on a separate line.
ASK = r"umask; /usr/bin/printf '\0'; /usr/bin/env -0"


class LoginShell:
    """Run the user's login shell, and store the shell's environment variables and umask. No shell
    is run if site.yml lists no environment variables and does not set `umask: login`.
    """

    def __init__(self, wanted: Iterable[str], umask: str) -> None:
        self.wanted = frozenset(wanted)
        self.umask = umask
        self._process: subprocess.Popen[bytes] | None = None
        self._answer: IO[bytes] | None = None
        self._deadline = time.monotonic() + SHELL_TIMEOUT
        if self.wanted or umask == "login":
            self._start()

    def _start(self) -> None:
        # the gate has set these variables, from passwd
        plain = {name: os.environ[name] for name in ("HOME", "USER", "LOGNAME", "SHELL")}
        shell = plain["SHELL"]
        name = os.path.basename(shell)
        # csh accepts -l only without other options; a dash before the shell's name has the same
        # effect
        words = [f"-{name}", "-c" if name.endswith("csh") else "-lc", ASK]
        self._answer = tempfile.TemporaryFile()  # noqa: SIM115  (open until the shell has ended)
        try:
            self._process = subprocess.Popen(
                words,
                executable=shell,
                env={
                    **plain,
                    "PATH": "/usr/local/bin:/usr/bin:/bin",
                    "LANG": "C.UTF-8",
                    "TERM": "dumb",
                },
                cwd=plain["HOME"],
                stdin=subprocess.DEVNULL,
                stdout=self._answer,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            print(
                f"sitekit: {shell} does not run ({error.strerror}); no variables are taken from it",
                flush=True,
            )

    def apply(self) -> None:
        """Set the variables and the umask in this process, from which kernels and terminals inherit
        them."""
        printed, *entries = self._answered()
        pairs = (entry.decode("utf-8", "surrogateescape").partition("=") for entry in entries)
        os.environ.update({name: value for name, _, value in pairs if name in self.wanted})
        last = (printed.split() or [b""])[-1].decode(errors="replace")
        mask = last if self.umask == "login" else self.umask
        if re.fullmatch(r"0?[0-7]{1,3}", mask, re.ASCII):
            os.umask(int(mask, 8) & 0o077)  # users must always be able to use their own files
        else:
            print(
                "sitekit: your login shell printed no umask; your files stay private (0077)",
                flush=True,
            )

    def _answered(self) -> list[bytes]:
        """Return the output of the shell, split at NUL characters.

        Returns [b""] if no shell runs, or if the shell does not end within SHELL_TIMEOUT.
        """
        if self._process is None or self._answer is None:
            return [b""]
        try:
            self._process.wait(max(0.0, self._deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            print(
                f"sitekit: your login shell took longer than {SHELL_TIMEOUT:g} s; nothing is taken from it",
                flush=True,
            )
            return [b""]
        finally:
            self._end()
        self._answer.seek(0)
        printed, *entries = self._answer.read(ANSWER_LIMIT).split(b"\0")
        return [printed, *entries[:-1]]

    def _end(self) -> None:
        """Kill the shell, and programs in its process group that the dotfiles have started."""
        if self._process:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
