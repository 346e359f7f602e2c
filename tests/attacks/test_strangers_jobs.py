"""Any cluster user can submit jobs with the name, the comment and the tags of servers. They are
nobody else's business: servers go on, others start, and the hub does nothing for them."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from ..conftest import Demo
from ..faults.machine import changed
from ..person import Person
from ..slurm import ask, until
from .conftest import Server
from .state import ledger_row, rows
from .strangers import het_job, job


@pytest.fixture
def asked(demo: Demo) -> Iterator[Path]:
    """A file in which each call of the gate is noted, with the account as which it runs."""
    note, gate = Path("/tmp/sitekit-gate-asked"), demo.site.libexec / "gate"
    note.touch()
    note.chmod(0o666)
    real = shutil.copy(gate, gate.with_name("gate.real"))
    noting = f"#!/bin/sh\nid -un >>{note}\nexec {real}\n"
    with changed(gate, lambda _: noting):
        yield note
    note.unlink()
    Path(real).unlink()


def status(admin: Person) -> dict[str, Any]:
    """What the hub says of the scheduler, from its last snapshot."""
    return admin.api("GET", "/sitekit/status").json()


def another_starts(admin: Person) -> None:
    """Somebody else's server starts, for which the hub takes new snapshots, and stops."""
    before = status(admin)["queries"]
    assert admin.start("small")[-1].get("ready")
    admin.stop_and_wait()
    told = status(admin)
    assert told["answers"] and not told["trouble"] and told["queries"] > before, told


def goes_on(demo: Demo, server: Server) -> None:
    """alice's server is hers as before: the same job, at the same place, answering; and to the
    ledger it lives."""
    # other tests log alice out everywhere, which her server notices within five minutes
    if server.person.http.get("/hub/home").url.path == "/hub/login":
        server.person.login()
    assert server.person.server()["ready"]
    assert server.person.lab().status_code == 200
    assert server.person.server_api("GET", "status").status_code == 200
    row = ledger_row(demo.site, server.job)
    assert (row["ended"], row["port"]) == (None, server.port)


def forged(server: Server, tag: str) -> list[str]:
    """Comments with a line that would be alice's job, by each order of fields in which a comment
    comes late."""
    mine = f"sitekit:demo:{tag}"
    ended = f"{server.job}|alice|COMPLETED|jupyter-short|evil|1|1|1|{mine}"
    moved = f"{server.job}|alice|RUNNING|jupyter-short|evil|1|1|1|{mine}"
    with_uid = f"{server.job}|1001|alice|COMPLETED|jupyter-short|evil|1|1|1|None|{mine}"
    return ["\n", f"x|None\n{ended}", f"x|None\n{moved}", f"x\n{ended}|None\n", f"x\n{with_uid}"]


def test_arrays_and_heterogeneous_jobs_with_a_servers_name(
    demo: Demo, server: Server, admin: Person
) -> None:
    """They are held, so that they stay for as long as their owner likes."""
    with job(demo.site, "bob", "--array=1-3"), het_job(demo.site, "bob"):
        another_starts(admin)
        goes_on(demo, server)


def test_a_comment_with_a_line_break_is_no_record(
    demo: Demo, server: Server, admin: Person
) -> None:
    tag = ledger_row(demo.site, server.job)["tag"]
    with ExitStack() as stack:
        for comment in forged(server, tag):
            # waits: squeue lists it before alice's
            stack.enter_context(job(demo.site, "bob", comment=comment))
            # runs, and is listed after hers
            stack.enter_context(job(demo.site, "bob", comment=comment, runs=True))
        another_starts(admin)
        goes_on(demo, server)


def test_jobs_with_a_servers_tag_are_nobodys_work(
    demo: Demo, server: Server, admin: Person, asked: Path
) -> None:
    """bob's fifty with the tag of a server that has ended, and two with that of one that runs: the
    hub acts for nobody because of them. A copy of carol's own is not her server either."""
    another_starts(admin)
    ended = (
        "SELECT tag FROM starts WHERE user = ? AND ended IS NOT NULL ORDER BY ended DESC LIMIT 1"
    )
    [(tag,)] = until(lambda: rows(demo.site.ledger, ended, "carol"))
    until(lambda: not ask(demo.site, "squeue", "--noheader", "--user=carol"), 120)
    old, running = (
        f"sitekit:{demo.site.name}:{tag}",
        f"sitekit:{demo.site.name}:{ledger_row(demo.site, server.job)['tag']}",
    )
    with ExitStack() as stack:
        made = [
            *stack.enter_context(job(demo.site, "bob", comment=old, count=50)),
            *stack.enter_context(job(demo.site, "bob", comment=running, count=2)),
            *(copy := stack.enter_context(job(demo.site, "carol", comment=old))),
        ]
        another_starts(admin)
        # the hub cancels her own one again if it does not end in time
        carols = ("squeue", "--noheader", "--user=carol", "--format=%i")
        until(lambda: ask(demo.site, *carols).split() == copy, 120)
        # the hub may have seen it last when it was ending
        lives = "SELECT 1 FROM starts WHERE user = ? AND ended IS NULL"
        until(lambda: not rows(demo.site.ledger, lives, "carol"), 120)
        asked.write_text("")
        time.sleep(12)  # two rounds of the reconciler, in which what must not happen would
        assert asked.read_text() == "", "the gate was asked"
        alive = ask(
            demo.site, "squeue", "--noheader", f"--name={demo.site.job_name}", "--format=%i"
        ).split()
        assert set(made) <= set(alive), "jobs that are not the hub's were cancelled"
        assert not status(admin)["strays"]
        goes_on(demo, server)
