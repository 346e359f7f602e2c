"""Do the steps of a drill for many users at the same time, and record how long each user needs for
each step."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from ...base.errors import Problem
from ...base.progress import step
from .act_as_user import User

PHASES = ("login", "form", "submitted", "running", "ready", "first cell", "stopped")
"""The steps of each user in a drill, in the order in which the user does them."""
ACCEPTED, RUNS = 5, 50
"""Percentages in the hub's progress events. A percentage above ACCEPTED means that the job was
submitted. A percentage above RUNS means that the job runs (hub/messages/progress_text.py)."""
WAITS = 25
"""The percentage of a progress event that contains the reason why the job waits."""


@dataclass
class Story:
    """The results of one user: the duration of each step in seconds, and the reason if a step
    failed."""

    user: str
    seconds: dict[str, float] = field(default_factory=dict)
    failed: str = ""
    why: str = ""
    reasons: Counter[str] = field(default_factory=Counter)


class Drill:
    """Run a drill (a trial start of many servers at the same time) with the given users. After
    Ctrl-C, no user does a further step, except the last step, which stops the user's server."""

    def __init__(self, users: Sequence[User], clock: Callable[[], float] = time.monotonic) -> None:
        self._users, self._clock = users, clock
        self._closed = threading.Event()
        self._finished: set[str] = set()  # names of users who have done their last step
        self.stories = {user.name: Story(user.name) for user in users}

    def run(self) -> list[Story]:
        """Start a server for each user, all at the same time. Run a cell in each server, and stop
        the server.

        The users do not wait for each other: a user stops the server directly after the cell.
        Therefore, a drill can have more users than the number of servers that fit on the cluster.
        """
        pool = ThreadPoolExecutor(len(self._users))
        try:
            with step(f"{len(self._users)} users", len(self._users)) as at_work:
                for _ in pool.map(self._act, self._users):
                    at_work.advance()
        except BaseException:
            self._closed.set()
            # A thread that waits for a server ends when the server is stopped. The servers of users
            # who have finished are not stopped, because the drill has not started them.
            busy = [user for user in self._users if user.name not in self._finished]
            with step("Stopping their servers"), ThreadPoolExecutor(len(self._users)) as more:
                list(more.map(self._stop, busy))
            raise
        finally:
            pool.shutdown(cancel_futures=True)
        return list(self.stories.values())

    def _act(self, user: User) -> None:
        """Do all steps of one user, until a step fails. A server that was started is always
        stopped, even after a failed step."""
        story = self.stories[user.name]
        steps = {**user.first_steps(), "ready": self._server(user), "first cell": user.run_cell}
        for phase, work in steps.items():
            if not self._closed.is_set() and not story.failed:
                self._timed(story, phase, work)
        self._stop(user)
        self._finished.add(user.name)

    def _stop(self, user: User) -> None:
        story = self.stories[user.name]
        self._timed(story, "stopped", user.stop)
        if "ready" not in story.seconds:
            story.seconds.pop("stopped", None)

    def _timed(self, story: Story, phase: str, work: Callable[[], object]) -> None:
        """Do one step of a user of the drill, such as the login. Record its duration in seconds, or
        the reason if the step fails.

        Every exception in a step is recorded as an error of the user, because users' servers can
        send any content. The other users continue.
        """
        began = self._clock()
        try:
            work()
        except Exception as error:
            if not story.failed:
                story.failed = phase
                story.why = error.what if isinstance(error, Problem) else repr(error)
            return
        story.seconds.setdefault(phase, self._clock() - began)

    def _server(self, user: User) -> Callable[[], None]:
        """Return a function that starts the user's server and waits until the server is ready. This
        function also records the times of the steps `submitted`, `running` and `ready`."""
        story = self.stories[user.name]

        def start() -> None:
            watcher = _Watcher(story, self._clock)
            if why := user.start(watcher.see):
                raise Problem(why)
            watcher.reach("submitted", "running", "ready")
            story.seconds["start"] = self._clock() - watcher.began

        return start


class _Watcher:
    """Record how long a start needs for each of its steps. The hub's progress events show when the
    start has reached a step."""

    def __init__(self, story: Story, clock: Callable[[], float]) -> None:
        self._story, self._clock = story, clock
        self.began = self._last = clock()

    def see(self, event: Mapping[str, Any]) -> None:
        """Read one progress event of the hub, and record the steps that the start has now
        reached."""
        progress = event.get("progress", 0)
        if event.get("failed"):
            return
        if progress == WAITS:
            self._story.reasons[str(event.get("message", ""))] += 1
        if progress > ACCEPTED:
            self.reach("submitted")
        if progress > RUNS:
            self.reach("running")

    def reach(self, *phases: str) -> None:
        """Record that the start has reached these steps now. If a step was reached before, its
        recorded time is not changed."""
        for phase in phases:
            if phase not in self._story.seconds:
                now = self._clock()
                self._story.seconds[phase], self._last = now - self._last, now
