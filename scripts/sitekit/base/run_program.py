"""Run another program from a list of arguments, without a shell and with a time limit.

The error for a failed program contains the last lines that the program printed.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from .errors import Problem

Arg = str | os.PathLike[str]
Argv = Sequence[Arg]
Stream = TypeVar("Stream")


def need_root(command: str) -> None:
    """Raise Problem unless this process runs as root."""
    if os.geteuid() != 0:
        raise Problem("this needs root", remedy=f"sudo make {command}")


class CommandFailed(Problem):
    """Report that a program ended with a non-zero code, did not end in time, or does not exist."""

    def __init__(self, argv: Argv, why: str, output: str = "", remedy: str | None = None) -> None:
        tail = "\n".join("    | " + line for line in output.strip().splitlines()[-12:])
        super().__init__(
            f"{shlex.join(map(str, argv))}: {why}" + (f"\n{tail}" if tail else ""), remedy=remedy
        )
        self.output = output


def identity(user: str | None) -> dict[str, Any]:
    """Return the keyword arguments with which subprocess.run() runs a program as the account
    `user`, with all groups of this account.

    If `user` is None, the result is an empty dictionary. Raises KeyError if the account does not
    exist.
    """
    if user is None:
        return {}
    import grp
    import pwd

    entry = pwd.getpwnam(user)
    groups = [group.gr_gid for group in grp.getgrall() if user in group.gr_mem]
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": groups}


@contextmanager
def acting_as(user: int, group: int) -> Iterator[None]:
    """Run the `with` block with an account's rights instead of root's.

    Use this block to work in a directory to which the account can write. Symbolic links in the
    directory can then lead only to files that the account itself can reach. The process still
    belongs to root. Therefore, the account can neither signal nor trace the process. Do not start a
    program in the `with` block, because this program could become root again. To start a program as
    another account, call `run` with the argument `user`.
    """
    if os.geteuid() == user != 0:  # without root's rights, this process cannot change its account
        yield
        return
    before = os.getgroups(), os.getegid(), os.geteuid()
    os.setgroups([])
    os.setegid(group)
    os.seteuid(user)
    try:
        yield
    finally:
        os.seteuid(before[2])
        os.setegid(before[1])
        os.setgroups(before[0])


def piped(stream: Stream | None) -> Stream:
    """Return the stream (stdin, stdout or stderr) of a program that was started with PIPE.

    The type annotations of subprocess also allow None for a stream. Raises TypeError for None.
    """
    if stream is None:
        raise TypeError("this program was started without a pipe")
    return stream


def run(
    argv: Argv,
    *,
    timeout: float = 60,
    check: bool = True,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: str = "",
    user: str | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run `argv` until it ends; return the result with stdout and stderr as text.

    `timeout` is in seconds. `env` replaces all environment variables. `user` is the account that
    runs the program, with all groups of the account; only root can use `user`. Raises CommandFailed
    if the program does not exist, takes too long, or (with `check`) ends with a non-zero code.
    """
    try:
        done = subprocess.run(
            [str(a) for a in argv],
            input=stdin,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            env=None if env is None else dict(env),
            cwd=cwd,
            **identity(user),
        )
    except FileNotFoundError as missing:
        raise CommandFailed(argv, f"{missing.filename} is not there") from None
    except PermissionError as refused:
        raise CommandFailed(
            argv, f"{refused.filename} may not be run by {user or 'this account'}"
        ) from None
    except subprocess.TimeoutExpired as late:
        printed = _as_text(late.stderr)
        raise CommandFailed(argv, f"did not end within {timeout:g} s", printed) from None
    if check and done.returncode:
        raise CommandFailed(argv, f"ended with code {done.returncode}", done.stderr or done.stdout)
    return done


def _as_text(printed: str | bytes | None) -> str:
    """Return as text what a program printed that did not end in time. For such a program,
    subprocess returns bytes."""
    return printed if isinstance(printed, str) else (printed or b"").decode(errors="replace")
