"""Make all changes of a plan. If a change fails, restore the earlier state of the machine."""

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
from ..installed.read_and_restore_path import on_disk
from .kinds_of_changes import Action, Remove, Stop, Write
from .plan import ApplyPlan

KEPT = 5
"""The folder `before` keeps the replaced files of this number of runs of `make apply`."""


def before_path(site: Site) -> Path:
    """Return the folder with copies of the files that the last runs of `make apply` replaced or
    removed."""
    return site.etc / "before"


def execute(
    plan: ApplyPlan, site: Site, root: Path, services: Callable[[ExitStack | None], None]
) -> None:
    """Make every change of the plan, then call `services` to restart the services.

    `services` also waits until the services answer. If a change or a service fails, all changes are
    undone, and the error is raised. If the failed apply has already stopped or restarted services,
    `services(None)` restarts these services with the restored files.
    """
    begun = any(isinstance(action, Stop) for action in plan.actions)

    def restart_again() -> None:
        """Restart the services with the restored files, if the apply has already stopped or
        restarted services."""
        if begun:
            say("    starting the services again, with their old files")
            services(None)

    with _or_nothing() as undo:
        undo.callback(restart_again)
        for action in plan.actions:
            action.do(root, undo)
        _keep(plan.actions, site, root, undo)
        begun = True
        services(undo)
    for old in _kept(site, root)[:-KEPT]:
        shutil.rmtree(old)


@contextmanager
def _or_nothing() -> Iterator[ExitStack]:
    """Yield a stack of undo functions. If the `with` block fails, call the collected undo
    functions.

    Ctrl-C, SIGTERM and SIGHUP count as failures of the block. SIGINT, SIGTERM and SIGHUP are
    ignored while the undo functions run.
    """
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
                say(f" !! {str(failure) or 'interrupted'}\n    restoring everything")
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
    """Call all undo functions, even if some of them fail. Raise the last error as a Problem."""
    try:
        undo.close()
    except (OSError, Problem) as failure:
        remedy = "look at these files; `make diff` shows how the machine differs from the site file"
        raise Problem(f"not everything could be restored: {failure}", remedy=remedy) from failure


def _interrupt(number: int, frame: object) -> None:
    """Raise KeyboardInterrupt. This function is the handler of SIGTERM and SIGHUP."""
    raise KeyboardInterrupt


def _keep(actions: Sequence[Action], site: Site, root: Path, undo: ExitStack) -> None:
    """Copy files that are replaced or removed to `before/<time>/`, which only root can read."""
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
    """Return the folders with the replaced files of the last runs of `make apply`, the oldest
    first."""
    folder = on_disk(root, before_path(site))
    return sorted(folder.iterdir()) if folder.is_dir() else []
