"""Start the servers of all participants of a course at once, as a test (`make course_drill`).

The hub starts each participant's server under the participant's own account, as if the participant
had chosen the course. When all servers are ready or have failed, the drill stops them, also after
Ctrl-C. If a participant already has a server, the drill does not use or stop this server.
"""

from __future__ import annotations

import fcntl
import os
import pwd
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from ...base.errors import BadInput, Problem
from ...base.files import write_atomic
from ...base.progress import say, step
from ...base.run_program import need_root
from ...contracts.internal_tls import as_installed
from ...site import Site
from ...site.courses.course_files import Course, offered_courses
from ..drill.hub_client import HubClient
from ..drill.tokens import STOPPING, SUBMITTING, tokens
from . import roster_accounts
from .check_course import course_of

MOST_AT_ONCE = 400

NOTE = "sitekit course drill"
"""The beginning of the note of each token. JupyterHub's page of tokens shows the note to the
user."""


@dataclass(frozen=True)
class Start:
    """The result of starting one participant's server. `seconds` is the time until the server was
    ready; None if it did not become ready."""

    user: str
    seconds: float | None
    why: str = ""


def course_drill(site: Site, *words: str) -> int:
    """Start the servers, print the times and the failures, and stop the servers. Return 1 if a
    start failed or a server could not be stopped, else 0.

    The second argument is the number of participants whose servers are started. Without a second
    argument, the servers of all participants are started.
    """
    need_root("course_drill")
    course = course_of(site, "course_drill", words[:1])
    users = chosen(course, words[1:])
    if not (offered_courses(site) / f"{course.key}.yml").is_file():
        raise Problem("the hub does not have this course yet", course.key, "sudo make apply")
    site = as_installed(site)
    with admitted(site, course, users), tokens(site, NOTE, users, lasts(course, users)) as known:
        starts, left = started_and_stopped(HubClient(site, course.key, known), users)
    return max(told(starts), 1 if left else 0)


def started_and_stopped(client: HubClient, users: list[str]) -> tuple[list[Start], list[str]]:
    """Start the servers of all users, and stop them. Return the results of the starts, and a line
    (user and reason) for each server that could not be stopped.

    If the administrator presses Ctrl-C, the servers are stopped too. A thread that waits for a
    server ends when the server is stopped.
    """
    pool = ThreadPoolExecutor(min(len(users), MOST_AT_ONCE))
    try:
        starts = started(client, pool, users)
    finally:
        client.close()
        pool.shutdown(wait=False, cancel_futures=True)
        left = stopped(client, users)
    return starts, left


def started(client: HubClient, pool: ThreadPoolExecutor, users: list[str]) -> list[Start]:
    """Start the servers of all users at once. Wait until each server is ready or has failed."""
    with step(f"Starting {len(users)} servers", total=len(users)) as at_work:
        began = time.monotonic()

        def start(user: str) -> Start:
            """Start the server of one participant, and wait until the server is ready or has
            failed."""
            try:
                why = client.start(user)
            except Exception as error:  # an error of this participant; the other starts continue
                why = error.what if isinstance(error, Problem) else repr(error)
            at_work.advance()
            return Start(user, None if why else time.monotonic() - began, why)

        return list(pool.map(start, users))


def stopped(client: HubClient, users: list[str]) -> list[str]:
    """Stop the servers that the drill has started. Print and return a line (user and reason) for
    each server that could not be stopped."""
    with step("Stopping them"), ThreadPoolExecutor(min(len(users), 20)) as pool:
        answers = list(pool.map(client.stop, users))
    left = [f"{user}: {why}" for user, why in zip(users, answers, strict=True) if why]
    if left:
        say("Not stopped; stop them on the hub's page /hub/admin:")
    for line in left:
        say(f"  {line}")
    return left


def lasts(course: Course, users: list[str]) -> int:
    """Return the lifetime of the drill's API tokens in seconds. The tokens are valid until all
    servers have been started and stopped."""
    rounds = -(-len(users) // MOST_AT_ONCE)
    return rounds * (course.tier.start_timeout + SUBMITTING) + STOPPING + len(users)


def chosen(course: Course, words: tuple[str, ...]) -> list[str]:
    """Return the participants whose servers the drill starts. Raises BadInput."""
    users = roster_accounts.participants_of(course)
    if words and not (words[0].isdigit() and int(words[0]) > 0):
        raise BadInput(f"{words[0]} is not a number", "course_drill", "write it like COUNT=10")
    users = users[: int(words[0])] if words else users
    if not users:
        raise BadInput("the roster has no participants", "course_drill", "add them to the roster")
    return users


@contextmanager
def admitted(site: Site, course: Course, users: list[str]) -> Iterator[None]:
    """Allow these users to start the course's servers while the `with` block runs, even if the
    course has not begun.

    The function writes the users to a list. The hub ignores this list after half an hour
    (hub/servers/offered_courses.py). Raises Problem if another drill of this course runs, because
    the list of the other drill would be overwritten.
    """
    folder = offered_courses(site)
    path = folder / f"{course.key}.drill"
    with (folder / f"{course.key}.yml").open("rb") as installed:
        try:
            fcntl.flock(installed, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            remedy = "wait until it has ended"
            raise Problem("a drill of this course runs already", course.key, remedy) from None
        write_atomic(path, "\n".join(users) + "\n", mode=0o640)
        try:
            os.chown(path, 0, pwd.getpwnam(site.hub.user).pw_gid)
            yield
        finally:
            path.unlink(missing_ok=True)


def told(starts: list[Start]) -> int:
    """Print the times and the failures of the starts. Return 1 if a start has failed, else 0."""
    ready = sorted(one.seconds for one in starts if one.seconds is not None)
    say(f"\n{len(ready)} of {len(starts)} servers were ready.")
    if ready:
        median = statistics.median(ready)
        say(
            f"Seconds until ready: first {ready[0]:.1f}, median {median:.1f}, last {ready[-1]:.1f}."
        )
    for one in starts:
        if one.seconds is None:
            say(f"  {one.user}: {one.why}")
    return 0 if len(ready) == len(starts) else 1
