"""A drill's figures, what it refuses, and that it stops what it has started also after Ctrl-C."""

from __future__ import annotations

import http.client
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sitekit.backends.slurm.pending_reasons import NO_ROOM
from sitekit.base.data_files import data
from sitekit.base.errors import BadInput, Problem
from sitekit.base.read_and_check_catalogue import translations
from sitekit.base.run_program import CommandFailed
from sitekit.operations.drill import accounts
from sitekit.operations.drill.bottleneck import first_bottleneck, with_english_reason
from sitekit.operations.drill.commands import drill
from sitekit.operations.drill.compute_figures import Fault, Percentiles, faults, percentiles
from sitekit.operations.drill.measure_cpu_time import Use
from sitekit.operations.drill.requests_of_one_user import python_of, words_of
from sitekit.operations.drill.run_drill import PHASES, Drill, Story
from sitekit.site import Site, load_site
from sitekit.site.sections.pages import Pages

SITE = load_site(data("config/sites/demo.yml"))
IDLE = Use(wall=10, floor=1, hub=0.1, machine=0.2, cpus=2, load_before=0)


@dataclass
class Actor:
    """A user whose start sends these events, and fails with `why`."""

    name: str
    why: str = ""
    events: tuple[dict[str, Any], ...] = ()
    done: list[str] = field(default_factory=list)
    meanwhile: Callable[[], None] = lambda: None

    def first_steps(self) -> dict[str, Callable[[], None]]:
        return {name: partial(self.done.append, name) for name in ("login", "form")}

    def start(self, watch: Callable[[Any], None]) -> str:
        self.done.append("start")
        for event in self.events:
            watch(event)
        self.meanwhile()
        return self.why

    def run_cell(self) -> None:
        self.done.append("cell")

    def stop(self) -> None:
        self.done.append("stop")


EVENTS = tuple({"progress": share, "message": "Job 7 waits."} for share in (5, 15, 25, 25, 60, 95))


def test_all_steps_of_a_start_are_timed_in_their_order() -> None:
    moments = iter(range(100))
    [story] = Drill([Actor("ann", events=EVENTS)], clock=lambda: next(moments)).run()
    assert set(story.seconds) == {*PHASES, "start"} and not story.failed
    whole = sum(story.seconds[phase] for phase in ("submitted", "running", "ready"))
    assert whole <= story.seconds["start"]
    assert story.reasons == Counter({"Job 7 waits.": 2})


def test_who_fails_does_no_further_step_but_stops() -> None:
    actor = Actor("ann", why="the queue is closed", events=EVENTS[:2])
    [story] = Drill([actor]).run()
    assert actor.done == ["login", "form", "start", "stop"]
    assert (story.failed, story.why) == ("ready", "the queue is closed")
    assert "stopped" not in story.seconds and "submitted" in story.seconds


def test_ctrl_c_stops_each_server_and_begins_none() -> None:
    """It comes while the first user's server starts, which ends when the server is stopped."""
    stopped = threading.Event()

    def interrupt() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        assert stopped.wait(120)

    class Starting(Actor):
        def stop(self) -> None:
            super().stop()
            stopped.set()

    actor, before = Starting("ann", events=EVENTS, meanwhile=interrupt), signal.getsignal(2)
    trial = Drill([actor])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            trial.run()
    finally:
        signal.signal(signal.SIGINT, before)
    assert actor.done[:4] == ["login", "form", "start", "stop"] and "cell" not in actor.done


def test_ctrl_c_leaves_alone_who_has_finished() -> None:
    """The first user may have started a server of their own since."""
    first, before = Actor("ann"), signal.getsignal(2)

    def interrupt() -> None:
        while "ann" not in trial._finished:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)
        assert trial._closed.wait(120)

    trial = Drill([first, Actor("ben", meanwhile=interrupt)])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            trial.run()
    finally:
        signal.signal(signal.SIGINT, before)
    assert first.done == ["login", "form", "start", "cell", "stop"]


@pytest.mark.parametrize("error", [http.client.BadStatusLine("x"), TypeError(), AttributeError()])
def test_whatever_a_step_raises_is_the_fault_of_one_user(error: Exception) -> None:
    def fail() -> None:
        raise error

    one, other = Drill([Actor("ann", meanwhile=fail), Actor("ben")]).run()
    assert (one.failed, one.why) == ("ready", repr(error))
    assert not other.failed and "first cell" in other.seconds


@dataclass
class Slurm:
    """Answers of Slurm's programs; `jobs` never end."""

    jobs: str = ""
    fault: str = ""
    ran: list[tuple[str, ...]] = field(default_factory=list)

    def __call__(self, site: Site, *words: str, check: bool = True) -> str:
        self.ran.append(words)
        if words[0] == self.fault:
            raise CommandFailed(words, "it does not answer")
        return {"squeue": self.jobs, "sacctmgr": "u1\n"}.get(words[0], "")


@pytest.fixture
def slurm(monkeypatch: pytest.MonkeyPatch) -> Slurm:
    slurm, users = Slurm(), [SimpleNamespace(name=f"sitekit-drill-{n}") for n in (1, 2)]
    removed = SimpleNamespace(remove=lambda *_, **__: slurm.ran.append(("accounts removed",)))
    known = SimpleNamespace(load=lambda *_: SimpleNamespace(participants=users))
    monkeypatch.setattr(accounts, "_slurm", slurm)
    monkeypatch.setattr(accounts, "account_record", known)
    monkeypatch.setattr(accounts, "remove_accounts", removed)
    monkeypatch.setattr(accounts, "hold_machine_lock", nullcontext)
    monkeypatch.setattr(accounts, "KNOWN_TO_SLURM", -1.0)
    return slurm


USERS = "sitekit-drill-1,sitekit-drill-2"


@pytest.mark.parametrize(
    ("jobs", "fault", "said"),
    [
        ("7 8", "", "does not end 2 jobs.*the jobs 7, 8.*scancel 7 8"),
        ("", "squeue", "squeue.*does not answer.*associations"),
        ("", "sacctmgr", f"sacctmgr.*does not answer.*sacctmgr delete user names={USERS}"),
    ],
)
def test_the_accounts_are_removed_although_slurm_does_not_end(
    slurm: Slurm, jobs: str, fault: str, said: str
) -> None:
    slurm.jobs, slurm.fault = jobs, fault
    site = SITE.model_copy(update={"drill": SITE.drill.model_copy(update={"slurm_account": "a"})})
    with pytest.raises(Problem, match=f"(?s){said}"):
        accounts._remove(site)
    assert slurm.ran[-1] == ("accounts removed",)


def test_without_users_nothing_is_asked_of_slurm_and_completing_jobs_do_not_count(
    slurm: Slurm,
) -> None:
    accounts._disassociate(SITE, [])
    assert not slurm.ran
    accounts._disassociate(SITE, ["u1"])
    assert "--states=PENDING,RUNNING,SUSPENDED" in slurm.ran[0]


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ([], None),
        ([3], (3, 3, 3)),
        (range(1, 101), (50, 95, 100)),
        ([4, 1, 3, 2], (2, 4, 4)),
    ],
)
def test_percentiles_are_times_that_were_measured(seconds: Any, expected: Any) -> None:
    found = percentiles(seconds)
    assert (found and (found.p50, found.p95, found.most)) == expected


def test_errors_of_a_kind_are_one_line() -> None:
    stories = [Story(f"u{n}", failed="ready", why=f"job {n} of u{n} failed") for n in range(3)]
    stories.append(Story("w", failed="login", why="no\nline\x1b[31m break"))
    first, second = faults(stories)
    assert (first.phase, first.message) == ("ready", "job N of USER failed")
    assert first.users == ("u0", "u1", "u2")
    assert "\n" not in second.message and "\x1b" not in second.message


def slow(phase: str) -> dict[str, Percentiles]:
    return {name: Percentiles(1, 9 if name == phase else 1, 9) for name in PHASES}


BUSY_HUB = Use(wall=10, floor=1, hub=0.95, machine=0.6, cpus=4, load_before=0)
BUSY_MACHINE = Use(wall=10, floor=9, hub=0.3, machine=0.97, cpus=2, load_before=0)


@pytest.mark.parametrize(
    ("phase", "use", "waits", "what"),
    [
        ("running", IDLE, [f"Job N waits. {NO_ROOM}"], "no free nodes"),
        ("running", IDLE, [], "scheduler"),
        ("login", BUSY_HUB, [], "the hub's CPU"),
        ("login", IDLE, [], "PAM"),
        ("submitted", IDLE, [], "submission"),
        ("ready", BUSY_MACHINE, [], "the CPUs of this machine"),
        ("ready", IDLE, [], "on its node"),
        ("first cell", IDLE, [], "kernels"),
    ],
)
def test_the_first_bottleneck(phase: str, use: Use, waits: list[str], what: str) -> None:
    found = first_bottleneck(slow(phase), use, waits, [], here=True)
    assert found and what in found.what and found.remedy and "9.0 s" in found.seen


def test_a_reason_in_another_language_is_understood() -> None:
    pages = Pages(language="de")
    german = translations("de", None).gettext(NO_ROOM)
    waits = with_english_reason([f"Job N wartet. {german}"], pages)
    assert german != NO_ROOM and waits == [f"Job N wartet. {NO_ROOM}"]


def test_no_bottleneck_and_the_limit_of_starts() -> None:
    quick = {name: Percentiles(0.1, 1.9, 3) for name in PHASES}
    assert first_bottleneck(quick, IDLE, [], [], here=True) is None
    refused = Fault("ready", "the form was refused: 429 Too many users", ("ann",))
    found = first_bottleneck(quick, IDLE, [], [refused], here=True)
    assert found and "concurrent_spawn_limit" in found.remedy


OUTSIDE = load_site(data("config/sites/gateway-workshop.yml"))
CREATE = {"drill": SITE.drill}


@pytest.mark.parametrize(
    ("site", "words", "said"),
    [
        (OUTSIDE, ("USERS=3",), "does not allow drills"),
        (SITE, ("USERS=0",), "not a number from 1 to"),
        (SITE, (), "not a number from 1 to"),
        (SITE, ("USERS=3", "TIER=huge"), "no such tier"),
        (SITE, ("USERS=3", "JSON=yes"), "neither 0 nor 1"),
        (SITE, ("USER=3",), "no variable USER"),
        (OUTSIDE.model_copy(update=CREATE), ("USERS=3",), "log in with github"),
    ],
)
def test_a_drill_is_refused_in_words(site: Site, words: tuple[str, ...], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        drill(site, *words)


def test_the_file_of_users_is_roots_alone(tmp_path: Path) -> None:
    path = tmp_path / "users"
    path.write_text("# who has agreed\nann\nben@example.org\nann\n\n")
    tmp_path.chmod(0o755)
    path.chmod(0o666)
    with pytest.raises(BadInput, match="others than root can write"):
        accounts.listed(path)


def test_the_python_kernel_and_the_words_of_a_page() -> None:
    def spec(language: str) -> Any:
        return {"spec": {"language": language}}

    specs = {"kernelspecs": {"r": spec("R"), "b": spec("python"), "a": spec("python")}}
    assert python_of({**specs, "default": "b"}) == "b"
    assert python_of({**specs, "default": "r"}) == "a"
    with pytest.raises(Problem, match="no Python kernel"):
        python_of({"kernelspecs": {"r": spec("R")}})
    assert words_of("<head>x</head><p>no\n <b>way</b></p><script>1</script>") == "no way"
