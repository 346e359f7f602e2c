"""Convert the plan of `make apply` to text: a unified diff before the changes, and a report after
the changes."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from pathlib import Path

from ...site.courses.course_files import offered_courses
from ..render.purpose_of_files import purpose
from .kinds_of_changes import (
    Action,
    ChangedFolder,
    NewAccount,
    NewFolder,
    NewLink,
    NewMember,
    Record,
    Remove,
    Write,
)
from .machine_state import is_beside, path_beside
from .plan import ApplyPlan, Edited

_STATES = {"unknown": ", if it runs"} | dict.fromkeys(
    ("starting", "failed"), ", which does not answer now"
)


def describe_plan(plan: ApplyPlan, refused: bool = False) -> Iterator[str]:
    """Yield the diff of each file, then a list of all changes, then the files that are not changed.

    `refused` is true if `make apply` would refuse to start. The caller prints the reasons of the
    refusal after the returned text.
    """
    actions = [action for action in plan.actions if not isinstance(action, Record)]
    for action in actions:
        if isinstance(action, Write | Remove):
            yield from _lines(action)
    for path, edited in plan.edited.items():
        yield from _by_hand(path, edited)
    if actions or plan.services:
        yield "\n`sudo make apply` would make these changes, in this order:"
    for action in actions:
        kind, what = action.what
        yield f"    {kind:<15} {what}{_more(action)}"
    for service in plan.services:
        kind, what = service.what
        yield f"    {kind:<15} {what}{_STATES.get(service.state, '')}"
    for path in plan.offers:
        why = f"changed by hand, or not sitekit's; new content goes into {path_beside(path)}"
        yield f"    {'left alone':<15} {path}: {why}"
    for note in plan.notes:
        yield f"    {note}"
    yield from _edited(plan)
    if not (plan.changes or plan.offers or plan.edited or refused):
        yield f" ok {'what you may read of ' if plan.unread else ''}the machine is what the site says"


def describe_result(plan: ApplyPlan) -> Iterator[str]:
    """Yield the lines of the report after `make apply`: what was changed, and which files were
    kept.

    Changes of course files are shown with their content, because instructors may have made these
    changes.
    """
    courses = offered_courses(plan.applied)
    for action in plan.actions:
        if isinstance(action, Write | Remove) and action.path.parent == courses:
            yield from _lines(action)
    for kind, what in plan.changes:
        yield f" ok {kind} {what}"
    for path in plan.offers:
        new = path_beside(path)
        yield f" !! kept {path}: it was changed by hand, or is not sitekit's. The content from the site is in {new}"
        yield f"    -> merge the two and remove {new.name}; or move it over the old one, and sitekit manages it again"
    for note in plan.notes:
        yield f"    {note}"
    yield from _edited(plan)
    if not (plan.changes or plan.offers or plan.edited):
        yield " ok the machine is what the site says; nothing was changed"


def _edited(plan: ApplyPlan) -> Iterator[str]:
    """Yield a warning for each file that was changed by hand."""
    for path in plan.edited:
        yield f" !! {path} was changed by hand and differs from the site file; it is left alone. See: make diff"
        yield "    -> to write it again, move it away and run: sudo make apply"


def _by_hand(path: Path, edited: Edited) -> Iterator[str]:
    """Yield a unified diff for a file that was changed by hand: from the site's content to the
    file."""
    if edited.secret or edited.there.closed:
        yield f"--- {path} (the site)\n+++ {path} (changed by hand)"
        yield ("(a secret is not shown)" if edited.secret else "(you may not read the file)")
        return
    there = (edited.there.content or b"").decode(errors="replace")
    yield from _diff(edited.file.content, there, f"{path} (the site)", f"{path} (changed by hand)")


def _lines(action: Write | Remove) -> Iterator[str]:
    """Yield the unified diff from the machine's file to the site's content."""
    before, after = action.before.content, action.file.content if isinstance(action, Write) else ""
    if action.what[0] in ("owner and mode", "removed link"):
        return
    old = "/dev/null" if action.before.kind == "nothing" else str(action.path)
    new = "/dev/null" if isinstance(action, Remove) else str(action.path)
    if action.secret or action.before.closed:
        yield f"--- {old}\n+++ {new}"
        yield f"({'a secret is not shown' if action.secret else 'you may not read the file'})"
        return
    yield from _diff((before or b"").decode(errors="replace"), after, old, new)


def _diff(before: str, after: str, old: str, new: str) -> Iterator[str]:
    """Yield the lines of a unified diff of the texts `before` and `after`. `old` and `new` are the
    file names in the head of the diff."""
    return difflib.unified_diff(before.splitlines(), after.splitlines(), old, new, lineterm="")


def _more(action: Action) -> str:
    """Return the owner, mode and purpose of the file or folder that an action changes, as text."""
    if isinstance(action, Write):
        group = f":{action.file.group_of}" if action.file.group_of else ""
        why = "" if is_beside(action.path) else f": {purpose(action.path)}"
        return f" ({action.file.mode:04o} {action.file.owner}{group}){why}"
    if isinstance(action, NewFolder | ChangedFolder):
        group = f":{action.folder.group_of}" if action.folder.group_of else ""
        return f" ({action.folder.mode:04o} {action.folder.owner}{group})"
    if isinstance(action, NewAccount):
        return f" (home {action.account.home}, shell {action.account.shell}): {action.account.why}"
    if isinstance(action, NewLink):
        return f": {purpose(action.path)}"
    return f": {action.why}" if isinstance(action, NewMember) else ""
