"""Define a check of `make doctor`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from ...base.finding import Finding
from ...site import Site

if TYPE_CHECKING:
    from typing_extensions import TypedDict, Unpack

    from .context import Context

    class Options(TypedDict, total=False):
        """Define the optional fields of a Check, for type checkers."""

        needs: tuple[str, ...]
        follows: tuple[str, ...]
        root: bool
        nodes: bool
        seconds: float
        applies: Callable[[Site], bool]
        before: tuple[str, ...]


SECONDS = 12.0


def _always(_: Site) -> bool:
    return True


def _both(first: Callable[[Site], bool], second: Callable[[Site], bool], site: Site) -> bool:
    return first(site) and second(site)


@dataclass(frozen=True)
class Check:
    """Describe one check.

    `id` is the subject of the check, a dot and a name, such as `tiers.partition-exists`.
    `looks_at`, `why` and `remedy` are texts: what the check examines, why this matters, and what
    repairs most faults.
    `look` is the function that runs the check and yields the findings.
    `needs` has the ids of checks that must pass first. If one of these checks finds an error, this
    check does not run.
    `follows` has the ids of checks whose errors can cause the findings of this check.
    `root` is True if the check needs root.
    `nodes` is True if the check needs the test job on the nodes (NODES=1).
    `seconds` is the time limit, after which the check counts as failed.
    `applies` is a function that returns whether the site has the part that the check examines.
    `before` has the commands (`apply`, `start`) that run this check before they change anything. If
    the check finds an error, the command changes nothing and ends. Therefore, the remedy for the
    error must not be this command.
    """

    id: str
    looks_at: str
    why: str
    remedy: str
    look: Callable[[Context], Iterable[Finding]]
    needs: tuple[str, ...] = ()
    follows: tuple[str, ...] = ()
    root: bool = False
    nodes: bool = False
    seconds: float = SECONDS
    applies: Callable[[Site], bool] = _always
    before: tuple[str, ...] = ()


class Subject:
    """Collect the checks of one subject, such as `slurm`, in the order in which they run.

    `applies` is a function that returns whether the site has this subject.
    """

    def __init__(self, name: str, title: str, applies: Callable[[Site], bool] = _always) -> None:
        self.name, self.title, self.applies = name, title, applies
        self.checks: list[Check] = []

    def check(
        self, name: str, looks_at: str, why: str, remedy: str, **options: Unpack[Options]
    ) -> Callable[[Callable[[Context], Iterable[Finding]]], Callable[[Context], Iterable[Finding]]]:
        """Add the function below `@subject.check(...)` as a check of this subject."""

        def add(
            look: Callable[[Context], Iterable[Finding]],
        ) -> Callable[[Context], Iterable[Finding]]:
            """Add the function `look` as a check of this subject, and return it unchanged."""
            check = Check(f"{self.name}.{name}", looks_at, why, remedy, look, **options)
            both = partial(_both, self.applies, check.applies)
            self.checks.append(replace(check, applies=both))
            return look

        return add
