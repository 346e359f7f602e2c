"""The row `hub`: pages, lag of the event loop, memory and restart of a whole hub with many running and
starting servers.

The hub, the proxy, the database and the ledger are the real ones of the release. No machine of the
tests can run a thousand jobs. Therefore the row simulates Slurm's answer and the users' servers. The
users' accounts exist only for the processes of the measurement (in a mount namespace).
"""

from __future__ import annotations

import json
import os
import pwd
import secrets
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from sitekit.base.run_program import run
from sitekit.site import Site

from .common import CHECKOUT, Bench, free_ports, growth, keep, table
from .counting import Counter, scheduler_programs
from .measured_hub import PAGES, Hub, People, process_of
from .queue import scratch_folder, site_of_the_bench
from .scale import stand_in

FIRST_UID = 600_000
GROWING = ("healthy CPU s", "idle CPU", "MiB")
GOALS = {"page ms": 50, "restart s": 5, "idle CPU": 0.03}


def measure(bench: Bench, sizes: list[tuple[int, int, int]], seconds: float) -> None:
    """Print and keep one line per number of running servers, starting servers, and known users."""
    rows = [_size(bench, _people(*size), seconds) for size in sizes]
    notes = [
        "`home`, `form` and `waiting` are the CPU time in ms that the hub needs for one request of "
        "these pages, through the proxy.",
        "`lag` is the delay with which the event loop runs a task, while the hub is idle and while "
        "pages are requested.",
        "`healthy` is the time from the start of the hub's process until /hub/health answers. `all` is the "
        "time from this start until the hub has found each running server again. `first all` is `all` at "
        "a start of the hub at which the proxy has no routes. `CPU s` is the hub's CPU time until the "
        "same moment.",
        "`idle CPU` is the part of a core that the hub needs while no page is requested, all routes are "
        "in the proxy, and the lag is not measured.",
        "`make bench` simulates Slurm's answer and the users' servers. Hub, proxy, database and ledger "
        "are real.",
    ]
    largest = rows[-1]
    slowest = max(largest[f"{page} ms"] for page in PAGES)
    if len(rows) > 1:
        exponents = (f"{key} {growth(rows, key):.2f}" for key in GROWING)
        notes.append(f"Exponents of the growth with the number of servers: {', '.join(exponents)}.")
    met = "reached" if slowest <= GOALS["page ms"] else "NOT reached"
    notes.append(f"A page needs at most {GOALS['page ms']} ms of CPU time: this goal is {met}.")
    met = "reached" if largest["healthy s"] <= GOALS["restart s"] else "NOT reached"
    within = f"within at most {GOALS['restart s']} s"
    notes.append(f"After a restart, the hub is healthy {within}: this goal is {met}.")
    met = "reached" if largest["idle CPU"] <= GOALS["idle CPU"] else "NOT reached"
    notes.append(f"An idle hub needs at most {GOALS['idle CPU']} of a core: this goal is {met}.")
    table(f"hub: pages and restart, windows of {seconds:g} s", rows, notes)
    keep("hub", seconds=seconds, rows=rows, notes=notes)


def _size(bench: Bench, people: People, seconds: float) -> dict[str, Any]:
    """The figures of one hub."""
    with ExitStack() as stack:
        folder = stack.enter_context(scratch_folder())
        stack.enter_context(_accounts(folder, people))
        real = [path for path in scheduler_programs(bench.site.slurm.bin) if path.name != "squeue"]
        (folder / "standing-in").mkdir()
        counter = Counter(folder, [*real, stand_in(folder)])
        ports = free_ports(4)
        own = {
            "internal_tls": False,
            "hub": {"user": bench.site.hub.user, "port": ports[0]},
            "proxy": {"user": bench.site.proxy.user, "port": ports[1], "api_port": ports[2]},
        }
        site = stack.enter_context(site_of_the_bench(bench, counter, folder, own))
        filled = _fill(bench, site, people, ports[3])
        _list_jobs(folder, site, people, filled["tags"])
        program = str(CHECKOUT / "tests/bench/answering.py")
        stack.enter_context(
            process_of([sys.executable, program, str(ports[3])], folder / "answers")
        )
        hub = Hub(bench, site, folder, counter, filled["cookies"], people)
        stack.enter_context(hub.proxy())
        row: dict[str, Any] = {
            "servers": len(people.running),
            "starting": len(people.waiting),
            "users": len(people.all),
        }
        with hub.started() as (_, told):
            row |= {"first all s": told["all s"]}
        with hub.started() as (process, told):
            row |= told | hub.figures(process, seconds)
        print(f"  {row}", flush=True)
        return row


def _people(running: int, waiting: int, users: int) -> People:
    """Users with numbers of jobs; the others, and at least one, have no server."""
    numbers = range(max(users, running + waiting + 1))
    made = [(700_000 + n, f"bench{n:05}", FIRST_UID + n) for n in numbers]
    return People(made[:running], made[running : running + waiting], made[running + waiting :])


@contextmanager
def _accounts(folder: Path, people: People) -> Iterator[None]:
    """The users' accounts, for this program and its children (see common.apart)."""
    group = {line.split(":")[0]: line for line in Path("/etc/group").read_text().splitlines()}
    names = ",".join(name for _, name, _ in people.all)
    users = group["jupyter-users"]
    group["jupyter-users"] = users + ("" if users.endswith(":") else ",") + names
    gid = pwd.getpwnam("alice").pw_gid
    entries = [f"{name}:x:{uid}:{gid}::/home/alice:/bin/sh\n" for _, name, uid in people.all]
    texts = {
        "passwd": Path("/etc/passwd").read_text() + "".join(entries),
        "group": "".join(f"{line}\n" for line in group.values()),
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
        run(["/usr/bin/mount", "--bind", folder / name, f"/etc/{name}"])
    try:
        yield
    finally:
        for name in texts:
            run(["/usr/bin/umount", "--lazy", f"/etc/{name}"], check=False)


def _fill(bench: Bench, site: Site, people: People, port: int) -> dict[str, Any]:
    """Make database, ledger and cookie secret; the tags of the starts, and cookies."""
    account = pwd.getpwnam(site.hub.user)
    key = site.paths.state / "cookie_secret"
    key.write_text(secrets.token_hex(32))
    key.chmod(0o600)
    os.chown(key, account.pw_uid, account.pw_gid)
    asked = {"site": str(site.paths.state / "site.yml"), "port": port, "people": vars(people)}
    program = (CHECKOUT / "tests/bench/fill_hub.py").read_text()
    done = run(
        [bench.python, "-I", "-c", program],
        stdin=json.dumps(asked),
        user=site.hub.user,
        cwd=site.paths.state,
        env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
        timeout=300,
    )
    filled: dict[str, Any] = json.loads(done.stdout)
    return filled


def _list_jobs(folder: Path, site: Site, people: People, tags: dict[str, str]) -> None:
    """The jobs that the program in place of squeue prints."""
    jobs = [
        (job, uid, name, state, f"sitekit:{site.name}:{tags[str(job)]}")
        for state, some in (("RUNNING", people.running), ("PENDING", people.waiting))
        for job, name, uid in some
    ]
    (folder / "jobs.json").write_text(json.dumps(jobs))
