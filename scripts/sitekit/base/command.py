"""Run programs as argument lists, never through a shell, and always with a time limit.

An error contains what the program printed.
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
    """Refuse any user other than root. Raises Problem."""
    if os.geteuid() != 0:
        raise Problem("this needs root", remedy=f"sudo make {command}")


class CommandFailed(Problem):
    """A program that ended with a non-zero code, did not end in time, or does not exist."""

    def __init__(self, argv: Argv, why: str, output: str = "", remedy: str | None = None) -> None:
        tail = "\n".join("    | " + line for line in output.strip().splitlines()[-12:])
        super().__init__(
            f"{shlex.join(map(str, argv))}: {why}" + (f"\n{tail}" if tail else ""), remedy=remedy
        )
        self.output = output


def identity(user: str | None) -> dict[str, Any]:
    """Return the arguments with which subprocess runs a program as `user` with all its groups.

    Returns {} for None. Raises KeyError for an unknown user.
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
    """Give root the rights of another account only, during the block.

    In a folder that this account writes, root then follows no link to where the account may not go.
    The process stays root's, so the account can neither signal nor trace it. Do not start programs
    in the block, because they could become root again: use `run` with `user`.
    """
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
    """Return a stream that was opened with PIPE. Its type allows None, which would be an error."""
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
    """Run a program to its end; return it with stdout and stderr as text. Raises CommandFailed.

    `timeout` is in seconds. `env` replaces the environment. `user` is the account to run as, with
    its groups (root only). It is an error if the program is missing, too slow, or, with `check`,
    ends with a non-zero code.
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
        shown = (
            late.stderr
            if isinstance(late.stderr, str)
            else (late.stderr or b"").decode(errors="replace")
        )
        raise CommandFailed(argv, f"did not end within {timeout:g} s", shown) from None
    if check and done.returncode:
        raise CommandFailed(argv, f"ended with code {done.returncode}", done.stderr or done.stdout)
    return done
