"""Read the environment variables and the umask that the site takes from the user's login shell.

These variables and the umask are used for kernels and terminals only. The shell runs while the
server starts, in an environment without secrets. The shell's output is used only after the server
has been fully configured.
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

PATIENCE = 10.0  # seconds
ANSWER_LIMIT = 1024**2  # bytes
# The text before the first NUL is the output of the user's dotfiles, and then the umask in a line.
ASK = r"umask; /usr/bin/printf '\0'; /usr/bin/env -0"


class LoginShell:
    """Run the user's login shell if the site wants variables or the umask from it."""

    def __init__(self, wanted: Iterable[str], umask: str) -> None:
        self.wanted = frozenset(wanted)
        self.umask = umask
        self._process: subprocess.Popen[bytes] | None = None
        self._answer: IO[bytes] | None = None
        self._deadline = time.monotonic() + PATIENCE
        if self.wanted or umask == "login":
            self._start()

    def _start(self) -> None:
        # The gate has set these variables from passwd.
        plain = {name: os.environ[name] for name in ("HOME", "USER", "LOGNAME", "SHELL")}
        shell = plain["SHELL"]
        name = os.path.basename(shell)
        # csh accepts -l only as its single option. A dash before the shell's name has the same
        # effect.
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
        """Set the wanted variables and the umask of this process.

        All processes that this process starts later inherit the variables and the umask.
        """
        printed, *entries = self._answered()
        pairs = (entry.decode("utf-8", "surrogateescape").partition("=") for entry in entries)
        os.environ.update({name: value for name, _, value in pairs if name in self.wanted})
        last = (printed.split() or [b""])[-1].decode(errors="replace")
        mask = last if self.umask == "login" else self.umask
        if re.fullmatch(r"0?[0-7]{1,3}", mask, re.ASCII):
            os.umask(int(mask, 8) & 0o077)  # users always keep access to their own files
        else:
            print(
                "sitekit: your login shell told no umask; your files stay private (0077)",
                flush=True,
            )

    def _answered(self) -> list[bytes]:
        """Return the output of the shell, split at NUL characters.

        The result is empty if the shell does not end within PATIENCE seconds.
        """
        if self._process is None or self._answer is None:
            return [b""]
        try:
            self._process.wait(max(0.0, self._deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            print(
                f"sitekit: your login shell took longer than {PATIENCE:g} s; nothing is taken from it",
                flush=True,
            )
            return [b""]
        finally:
            self._end()
        self._answer.seek(0)
        printed, *entries = self._answer.read(ANSWER_LIMIT).split(b"\0")
        return [printed, *entries[:-1]]

    def _end(self) -> None:
        """Kill the shell and everything that a dotfile has started in its session."""
        if self._process:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
