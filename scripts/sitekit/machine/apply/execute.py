"""Execute a plan: all of it, or nothing. Whatever fails, at any step, the machine is as it was,
byte for byte."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ...base.errors import Problem, as_problem
from ...base.progress import say
from ...site import Site
from ..installed.entries import on_disk
from .actions import Action, Remove, Stop, Write
from .plan import Plan

KEPT = 5
"""So many applies ago can be looked up in the folder `before`."""


def before_path(site: Site) -> Path:
    """Where the files lie that the last applies replaced or removed."""
    return site.etc / "before"


def execute(
    plan: Plan, site: Site, root: Path, services: Callable[[ExitStack | None], None]
) -> None:
    """Do every action, then call `services`, which has the services take it in and waits until they
    answer.

    Raises what failed, after everything was put back. If services had been touched by then,
    `services` was called once more, with None in the place of the stack of undoings: for those that
    stood before.
    """
    begun = any(isinstance(action, Stop) for action in plan.actions)

    def again() -> None:
        if begun:
            say("    starting the services again with what they had")
            services(None)

    with _or_nothing() as undo:
        undo.callback(again)
        for action in plan.actions:
            action.do(root, undo)
        _keep(plan.actions, site, root, undo)
        begun = True
        services(undo)
    for old in _kept(site, root)[:-KEPT]:
        shutil.rmtree(old)


@contextmanager
def _or_nothing() -> Iterator[ExitStack]:
    """A stack of undoings that is unwound when the block fails. Interrupts and hang-ups are
    failures like any other; during the unwinding they are ignored."""
    before = {
        number: signal.signal(number, _interrupt)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    try:
        with ExitStack() as undo:
            try:
                yield undo
            except BaseException as failure:
                for number in before:
                    signal.signal(number, signal.SIG_IGN)
                say(f" !! {str(failure) or 'interrupted'}\n    putting everything back")
                _unwind(undo)
                say(" ok everything is as it was")
                if isinstance(failure, OSError):
                    raise as_problem(failure) from failure
                raise
            undo.pop_all()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _unwind(undo: ExitStack) -> None:
    """ExitStack goes on when one of the callbacks fails, and raises the last failure at its end."""
    try:
        undo.close()
    except (OSError, Problem) as failure:
        remedy = (
            "see what stands there; `make diff` tells how the machine differs from the site file"
        )
        raise Problem(f"not everything could be put back: {failure}", remedy=remedy) from failure


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def _keep(actions: Sequence[Action], site: Site, root: Path, undo: ExitStack) -> None:
    """Lay what was replaced or removed into a folder of this moment, `before/<time>/etc/...`, for
    root alone."""
    gone = [
        action
        for action in actions
        if isinstance(action, Write | Remove) and action.before.content is not None
    ]
    kept = [action for action in gone if action.what[0] != "owner and mode" and not action.secret]
    if not kept:
        return
    folder = on_disk(root, before_path(site))
    moment = folder / time.strftime("%Y-%m-%d_%H%M%S")
    if not folder.exists():
        folder.mkdir(0o700)
        undo.callback(folder.rmdir)
    undo.callback(shutil.rmtree, moment, ignore_errors=True)
    for action in kept:
        copy = moment / action.path.relative_to("/")
        copy.parent.mkdir(0o700, parents=True, exist_ok=True)
        copy.touch(0o600)
        copy.write_bytes(action.before.content or b"")
        os.chown(copy, *action.before.owner)
        copy.chmod(action.before.mode)


def _kept(site: Site, root: Path) -> list[Path]:
    folder = on_disk(root, before_path(site))
    return sorted(folder.iterdir()) if folder.is_dir() else []
