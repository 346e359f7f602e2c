"""A plan as text: before it is executed as a unified diff, afterwards as what was done."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from pathlib import Path

from ..render.purposes import purpose
from .actions import (
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
from .observed import beside, is_beside
from .plan import Edited, Plan

_STATES = {"unknown": ", if it runs"} | dict.fromkeys(
    ("starting", "failed"), ", which does not answer as it is"
)


def as_diff(plan: Plan, refused: bool = False) -> Iterator[str]:
    """The changes of files line by line, then every change by name, then what stays as it is though
    it looks odd.

    `refused`: an apply would not begin, for reasons that are told afterwards.
    """
    actions = [action for action in plan.actions if not isinstance(action, Record)]
    for action in actions:
        if isinstance(action, Write | Remove):
            yield from _lines(action)
    for path, edited in plan.edited.items():
        yield from _by_hand(path, edited)
    if actions or plan.services:
        yield "\n`sudo make apply` would bring, in this order:"
    for action in actions:
        kind, what = action.what
        yield f"    {kind:<15} {what}{_more(action)}"
    for service in plan.services:
        kind, what = service.what
        yield f"    {kind:<15} {what}{_STATES.get(service.state, '')}"
    for path in plan.offers:
        yield f"    {'left alone':<15} {path}: changed by hand, or not sitekit's; the new goes into {beside(path)}"
    for note in plan.notes:
        yield f"    {note}"
    yield from _edited(plan)
    if not (plan.changes or plan.offers or plan.edited or refused):
        yield f" ok {'what you may read of ' if plan.unread else ''}the machine is what the site says"


def done(plan: Plan) -> Iterator[str]:
    """The same, when it is done."""
    for kind, what in plan.changes:
        yield f" ok {kind} {what}"
    for path in plan.offers:
        new = beside(path)
        yield f" !! kept {path}: it was changed by hand, or is not sitekit's. What the site says lies in {new}"
        yield f"    -> merge the two and remove {new.name}; or move it over the old one, and sitekit looks after it"
    for note in plan.notes:
        yield f"    {note}"
    yield from _edited(plan)
    if not (plan.changes or plan.offers or plan.edited):
        yield " ok the machine is what the site says; nothing was changed"


def _edited(plan: Plan) -> Iterator[str]:
    for path in plan.edited:
        yield f" !! {path} was changed by hand, and is not what the site says; it is left alone. See: make diff"
        yield "    -> to have it written again, move it away, then: sudo make apply"


def _by_hand(path: Path, edited: Edited) -> Iterator[str]:
    """From what the site says to what stands there."""
    if edited.secret or edited.there.closed:
        yield f"--- {path} (the site)\n+++ {path} (changed by hand)"
        yield (
            "(it is a secret, and not shown)"
            if edited.secret
            else "(you may not read what stands there)"
        )
        return
    there = (edited.there.content or b"").decode(errors="replace")
    yield from _diff(edited.file.content, there, f"{path} (the site)", f"{path} (changed by hand)")


def _lines(action: Write | Remove) -> Iterator[str]:
    """The unified diff of one file against the machine."""
    before, after = action.before.content, action.file.content if isinstance(action, Write) else ""
    if action.what[0] in ("owner and mode", "removed link"):
        return
    old = "/dev/null" if action.before.kind == "nothing" else str(action.path)
    new = "/dev/null" if isinstance(action, Remove) else str(action.path)
    if action.secret or action.before.closed:
        yield f"--- {old}\n+++ {new}"
        yield f"({'it is a secret, and not shown' if action.secret else 'you may not read what stands there'})"
        return
    yield from _diff((before or b"").decode(errors="replace"), after, old, new)


def _diff(before: str, after: str, old: str, new: str) -> Iterator[str]:
    return difflib.unified_diff(before.splitlines(), after.splitlines(), old, new, lineterm="")


def _more(action: Action) -> str:
    """What a name alone does not tell: owner, mode, and what it is for."""
    if isinstance(action, Write):
        group = f":{action.file.group_of}" if action.file.group_of else ""
        why = "" if is_beside(action.path) else f": {purpose(action.path)}"
        return f" ({action.file.mode:04o} {action.file.owner}{group}){why}"
    if isinstance(action, NewFolder | ChangedFolder):
        return f" ({action.folder.mode:04o} {action.folder.owner})"
    if isinstance(action, NewAccount):
        return f" (home {action.account.home}, shell {action.account.shell}): {action.account.why}"
    if isinstance(action, NewLink):
        return f": {purpose(action.path)}"
    return f": {action.why}" if isinstance(action, NewMember) else ""
