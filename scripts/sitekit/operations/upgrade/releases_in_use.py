"""Find the users' servers (of all backends) and programs (on this machine) that use each release.

A program resolves the link `current` once, at its start. Until the program ends, it uses the
release to which the link pointed at that time. sitekit finds this release from the start time of
the program and the history of the link.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from ...backends.interface import Backend
from ...backends.load_backends import backends_of
from ...backends.start_and_job_records import NoAnswer
from ...environment.release.releases import history, releases
from ...site import Site

EARLY, LATE = 60.0, 600.0
"""If the link `current` changes less than EARLY seconds before the recorded start of a program, or
at most LATE seconds after this start, the program can use the old or the new release.

The reasons are that the clocks of hosts differ, and that a job runs its prolog before the program.
"""

NOT_HERE = "the site is not installed on this machine, and only the hub's host shows which release its services use"


@dataclass(frozen=True)
class Uses:
    """The servers and programs that use each release. `certain` has the servers and programs that
    certainly use a release, and `perhaps` those that possibly use it.

    `unseen` lists the checks that were not possible, each with a remedy.
    """

    certain: dict[str, list[str]] = field(default_factory=dict)
    perhaps: dict[str, list[str]] = field(default_factory=dict)
    unseen: dict[str, str] = field(default_factory=dict)

    def of(self, release: str) -> list[str]:
        """Return all servers and programs that use a release. A `?` after a name means that this
        server or program only possibly uses the release."""
        return self.certain.get(release, []) + [f"{who}?" for who in self.perhaps.get(release, [])]


def release_users(site: Site) -> Uses:
    """Return the servers and programs that use each release, from the backends and this machine's
    process list. The function changes nothing."""
    uses, past = Uses(), history(site)
    everything = {release.name for release in releases(site)}
    asker = psutil.Process().username()
    for backend in backends_of(site, lambda _: ()).values():
        try:
            for who, start in _servers(backend):
                _note(uses, who, start, past, everything)
            if hidden := asyncio.run(backend.hidden_from(asker)):
                cause, command = hidden
                uses.unseen[f"{cause} from {asker}"] = (
                    f"run the command as root, or run once: {command}"
                )
        except NoAnswer as error:
            uses.unseen[f"{backend.title} does not say which servers run: {error}"] = (
                f"run the command again when {backend.title} answers"
            )
    for who, release, began in _programs(site):
        if release:
            uses.certain.setdefault(release, []).append(who)
        else:
            _note(uses, who, began, past, everything)
    if not _sees_others():
        uses.unseen[f"/proc hides other people's processes from {asker} (hidepid)"] = (
            "run the command as root"
        )
    if not (site.etc / "site.yml").exists():
        uses.unseen[NOT_HERE] = "run the command on the hub's host"
    return uses


def releases_around(
    past: list[tuple[float, str]], start: float
) -> tuple[str | None, set[str] | None]:
    """Return the release to which the link `current` pointed at the time `start`, and all releases
    to which the link pointed between EARLY seconds before and LATE seconds after this time.

    The first value is None if no change of the link was recorded before `start`. The second value
    is None if no change was recorded more than EARLY seconds before `start`.
    """
    before = [name for at, name in past if at <= start]
    early = [name for at, name in past if at <= start - EARLY]
    between = {name for at, name in past if start - EARLY < at <= start + LATE}
    return (before[-1] if before else None), ({early[-1]} | between if early else None)


def _note(
    uses: Uses, who: str, start: float | None, past: list[tuple[float, str]], everything: set[str]
) -> None:
    """Add the server or program `who` to the releases that it uses certainly (`uses.certain`) or
    possibly (`uses.perhaps`)."""
    certain, possible = releases_around(past, start) if start is not None else (None, None)
    if certain:
        uses.certain.setdefault(certain, []).append(who)
    for name in (everything if possible is None else possible) - {certain}:
        uses.perhaps.setdefault(name, []).append(who)


def _servers(backend: Backend) -> Iterator[tuple[str, int | None]]:
    """Yield each running server with the start time of its job.

    Pending jobs are omitted, because a job uses the release that is current when the job starts.
    Jobs without a server's tag (the id of its start) are ignored, because they are no servers.
    """
    for job in asyncio.run(backend.list_jobs()):
        if job.tag and not job.pending and not job.ended:
            yield f"{job.user}'s server (job {job.id})", job.start


def _programs(site: Site) -> Iterator[tuple[str, str | None, float]]:
    """Yield the programs of this machine that run from the prefix.

    Each program is a tuple: its name, its release (None if the command line does not contain it),
    and the time of its start.
    """
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
    """Return whether this user sees other users' processes: proc(5), hidepid."""
    try:
        psutil.Process(1).cmdline()
    except psutil.Error:
        return False
    return True


def _release_in(site: Site, word: str) -> str | None:
    """Return the release whose path is contained in `word`, an argument of a command line; None if
    there is none."""
    path = Path(word)
    return path.relative_to(site.releases).parts[0] if site.releases in path.parents else None
