"""Run another program: an argument list, never a shell; a time limit, always; an error that says
what it printed."""

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
    """Raises Problem for anybody else."""
    if os.geteuid() != 0:
        raise Problem("this needs root", remedy=f"sudo make {command}")


class CommandFailed(Problem):
    """A program ended with a non-zero code, did not end in time, or is not there."""

    def __init__(self, argv: Argv, why: str, output: str = "", remedy: str | None = None) -> None:
        tail = "\n".join("    | " + line for line in output.strip().splitlines()[-12:])
        super().__init__(
            f"{shlex.join(map(str, argv))}: {why}" + (f"\n{tail}" if tail else ""), remedy=remedy
        )
        self.output = output


def identity(user: str | None) -> dict[str, Any]:
    """The arguments that make subprocess run something as `user` with all its groups; {} for None.
    Raises KeyError."""
    if user is None:
        return {}
    import grp
    import pwd

    entry = pwd.getpwnam(user)
    groups = [group.gr_gid for group in grp.getgrall() if user in group.gr_mem]
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": groups}


@contextmanager
def acting_as(user: int, group: int) -> Iterator[None]:
    """For the block, root has an account's rights and no more: in a folder that this account
    writes, whatever it put in the way leads nowhere that it could not go itself.

    The process stays root's, so the account can neither signal nor trace it; a program started
    meanwhile could become root again, so start none: `run` has `user`.
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
    """A stream of a program that was started with PIPE for it; its type allows None, for one
    without."""
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
    """Run `argv` to its end and return it with stdout and stderr as text.

    `timeout` is in seconds; `env` replaces the environment; `user` runs it as that account with its
    groups (root only). Raises CommandFailed when it is missing, too slow, or (with `check`) ends
    non-zero.
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
