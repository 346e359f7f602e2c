"""Who uses which release: users' servers, by Slurm's word, and the programs of this machine.

A program resolves `current` once, when it starts, and keeps that release to its end. So the time of
its start, and the history of the link, tell which one it has.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from ...backends.interface import Backend, NoAnswer
from ...backends.load_backends import backends_of
from ...environment.release.releases import history, releases
from ...site import Site

EARLY, LATE = 60.0, 600.0
"""Seconds by which a start and a switch may be told apart wrongly: clocks differ, and a job's
prolog takes its time."""

NOT_HERE = "the site is not installed on this machine, and only the hub's host shows which release its services use"


@dataclass(frozen=True)
class Uses:
    """By release: who has it for certain, and who may have it. `unseen`: what could not be looked
    at -> the remedy."""

    certain: dict[str, list[str]] = field(default_factory=dict)
    perhaps: dict[str, list[str]] = field(default_factory=dict)
    unseen: dict[str, str] = field(default_factory=dict)

    def of(self, release: str) -> list[str]:
        """All of them; who may have it is marked by `?`."""
        return self.certain.get(release, []) + [f"{who}?" for who in self.perhaps.get(release, [])]


def users(site: Site) -> Uses:
    """Ask Slurm and this machine. Changes nothing."""
    uses, past = Uses(), history(site)
    everything = {release.name for release in releases(site)}
    asker = psutil.Process().username()
    for backend in backends_of(site, lambda _: ()).values():
        try:
            for who, start in _servers(backend):
                _note(uses, who, start, past, everything)
            if hidden := asyncio.run(backend.hidden_from(asker)):
                what, command = hidden
                uses.unseen[f"{what} from {asker}"] = f"run it as root, or once: {command}"
        except NoAnswer as trouble:
            what = f"{backend.title} does not say which servers run: {trouble}"
            uses.unseen[what] = f"run it when {backend.title} answers"
    for who, release, began in _programs(site):
        if release:
            uses.certain.setdefault(release, []).append(who)
        else:
            _note(uses, who, began, past, everything)
    if not _sees_others():
        uses.unseen[f"/proc hides other people's processes from {asker} (hidepid)"] = (
            "run it as root"
        )
    if not (site.etc / "site.yml").exists():
        uses.unseen[NOT_HERE] = "run it on the hub's host"
    return uses


def around(past: list[tuple[float, str]], start: float) -> tuple[str | None, set[str] | None]:
    """The release that `current` meant at `start`, and all that it may have meant; None for what
    nobody wrote down."""
    before = [name for at, name in past if at <= start]
    early = [name for at, name in past if at <= start - EARLY]
    between = {name for at, name in past if start - EARLY < at <= start + LATE}
    return (before[-1] if before else None), ({early[-1]} | between if early else None)


def _note(
    uses: Uses, who: str, start: float | None, past: list[tuple[float, str]], everything: set[str]
) -> None:
    certain, possible = around(past, start) if start is not None else (None, None)
    if certain:
        uses.certain.setdefault(certain, []).append(who)
    for name in (everything if possible is None else possible) - {certain}:
        uses.perhaps.setdefault(name, []).append(who)


def _servers(backend: Backend) -> Iterator[tuple[str, int | None]]:
    """The running servers, with the start of their jobs. A waiting one will start with the release
    of that moment. Anybody can submit a job that looks like a server's; one that does not say of
    which start it is, is none."""
    for job in asyncio.run(backend.list_jobs()):
        if job.tag and not job.pending and not job.ended:
            yield f"{job.user}'s server (job {job.id})", job.start


def _programs(site: Site) -> Iterator[tuple[str, str | None, float]]:
    """What runs on this machine out of the prefix: (what, its release where its words name it, its
    start)."""
    for process in psutil.process_iter():
        try:
            words = process.cmdline()[:4]
            start = process.create_time()
        except psutil.Error:
            continue
        release = next((name for word in words if (name := _release_in(site, word))), None)
        if release or any(Path(word).is_relative_to(site.current) for word in words):
            what = next((word for word in words[1:] if not word.startswith("-")), words[0])
            yield f"{Path(what).name} (process {process.pid})", release, start


def _sees_others() -> bool:
    """What everybody sees of the first process, whatever it is: proc(5), hidepid."""
    try:
        psutil.Process(1).cmdline()
    except psutil.Error:
        return False
    return True


def _release_in(site: Site, word: str) -> str | None:
    path = Path(word)
    return path.relative_to(site.releases).parts[0] if site.releases in path.parents else None
