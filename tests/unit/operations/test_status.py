"""What `make status` and `make top` show, of a site that runs and of one that has nothing yet."""

from __future__ import annotations

import errno
import json
import os
import pwd
import socket
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from slurm_parts import job

from sitekit.backends.start_and_job_records import NoAnswer
from sitekit.base.data_files import data
from sitekit.base.errors import Problem
from sitekit.hub.ledger.ledger import Ledger
from sitekit.hub.servers.server_states import state_of
from sitekit.hub.status.poll_kernels_and_release import PrefixState, read_prefix
from sitekit.hub.status.summarize_servers import add_up, describe_server
from sitekit.operations.status import collect as module
from sitekit.operations.status import hub_figures
from sitekit.operations.status.collect import Sight, collect_servers
from sitekit.operations.status.commands import is_well, status
from sitekit.operations.status.hub_drains import missing_nodes
from sitekit.operations.status.status_as_text import as_text, one_line, servers_as_text
from sitekit.site import Site, load_site
from sitekit.site.settings import Paths

CHOICE = {"tier": "small", "memory": 1000, "cap": 2000, "partitions": ["batch"]}


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.sqlite")


@pytest.fixture
def nowhere(tmp_path: Path) -> Site:
    """A site of which nothing is on this machine."""
    demo = load_site(data("config/sites/demo.yml"))
    paths = Paths.model_construct(prefix=tmp_path / "prefix", state=tmp_path / "state")
    return demo.model_copy(update={"paths": paths, "name": f"nowhere-{os.getpid()}"})


def start(ledger: Ledger, user: str = "alice", number: str = "7") -> str:
    tag = ledger.record_intent(user, "", f"hash of {user}", CHOICE)
    ledger.record_job(tag, number)
    return tag


def test_the_measures_of_a_start_are_kept_once_and_go_with_it(ledger: Ledger) -> None:
    tag = start(ledger)
    assert [row.tag for row, _ in ledger.not_begun()] == [tag]
    ledger.record_began(tag, 100.0)
    assert ledger.not_begun() == []
    ledger.record_began(tag, 200.0)
    ledger.record_memory(tag, 300)
    ledger.record_memory(tag, 400)
    [(row, measures)] = ledger.measured()
    assert row.tag == tag and measures.submitted >= row.intended
    assert (measures.began, measures.memory, measures.ready) == (100.0, 400, None)
    before = time.time() - 1
    ledger.record_ready(tag)
    assert ledger.ready_at(tag) is None, "it does not listen"
    ledger.record_port(tag, 20001)
    ledger.record_ready(tag)
    assert [row.tag for row, _ in ledger.ready_since(before)] == [tag]
    assert ledger.ended_since(before) == []
    ledger.end(tag, {"kind": "memory"})
    [(ended, measures)] = ledger.ended_since(before)
    assert ended.card == {"kind": "memory"} and measures.memory == 400
    ledger._db.execute("DELETE FROM starts")
    assert ledger._db.execute("SELECT count(*) FROM measures").fetchone()[0] == 0


def test_a_route_that_is_added_again_is_no_start(ledger: Ledger) -> None:
    tag = start(ledger)
    ledger.record_port(tag, 20001)
    ledger._db.execute("UPDATE starts SET listening = listening - 901")
    ledger.record_ready(tag)
    assert ledger.ready_at(tag) is None
    ledger._db.execute("UPDATE starts SET listening = listening + 60")
    ledger.record_ready(tag)
    first = ledger.ready_at(tag)
    ledger.record_ready(tag)
    assert first and ledger.ready_at(tag) == first


def test_an_open_server_is_in_one_state(ledger: Ledger) -> None:
    tag = start(ledger)

    def state(found) -> str:
        return state_of(ledger.row(tag), found)[0]

    assert state(job("7", state="PENDING")) == "waiting"
    assert state(job("7", state="RUNNING")) == state(None) == "starting"
    ledger.record_port(tag, 20001)
    assert state(job("7", state="RUNNING")) == state(None) == "running"
    assert state(job("7", state="SUSPENDED")) == "suspended"
    ledger.abandon(tag)
    assert state(job("7", state="RUNNING")) == "stopping"


def test_sums_count_states_and_the_memory_of_running_servers(ledger: Ledger) -> None:
    for number, user in enumerate(("alice", "bob", "carol")):
        tag = start(ledger, user, str(number))
        if user != "carol":
            ledger.record_port(tag, 20001)
        if user == "alice":
            ledger.record_memory(tag, 300)
    servers = [describe_server(one, None, lambda _: "") for one in ledger.measured()]
    [tier] = add_up(servers, lambda one: one.tier)
    assert (tier["name"], tier["running"], tier["starting"]) == ("small", 2, 1)
    assert (tier["used"], tier["reported"], tier["memory"], tier["cap"]) == (300, 1, 2000, 4000)
    assert [one["name"] for one in add_up(servers, lambda one: one.partition)] == ["batch"]
    assert add_up(servers, lambda one: one.node) == []


class Slurm:
    """A backend whose answers are given."""

    def __init__(self, *jobs, fault: str = "") -> None:
        self.jobs, self.fault = jobs, fault

    async def list_jobs(self):
        if self.fault:
            raise NoAnswer(self.fault)
        return self.jobs

    def explain_reason(self, found) -> str:
        return f"it waits: {found.reason}"


def seen(site: Site, slurm: Slurm, monkeypatch: pytest.MonkeyPatch, starts=None):
    monkeypatch.setattr(module, "backends_of", lambda *_: {"slurm": slurm})
    if starts is not None:
        monkeypatch.setattr(module, "_starts", lambda _: starts)
    return collect_servers(site, Sight())


def test_the_hubs_ledger_and_one_query_make_the_view(
    nowhere: Site, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    tag = start(ledger)
    pending = job("7", state="PENDING", tag=tag, reason="Priority")
    record = seen(nowhere, Slurm(pending), monkeypatch, (ledger.measured(), []))
    text = "\n".join(servers_as_text(record))
    assert "1 waiting" in text and "alice small job 7" in text and "it waits: Priority" in text
    assert not record["unseen"] and record["backends"]["slurm"]["answers"]
    assert json.loads(json.dumps(record)) == record


def test_without_the_ledger_the_jobs_are_shown_and_the_gap_is_named(
    nowhere: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = seen(nowhere, Slurm(job("7", tag="0123456789abcdef"), job("8", tag=None)), monkeypatch)
    assert [(one["job"], one["tier"]) for one in record["servers"]] == [("7", "")]
    assert record["cards"] is None and "ledger" in record["unseen"]


def test_a_backend_that_does_not_answer_hides_no_server(
    nowhere: Site, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(ledger)
    silent = Slurm(fault="slurm_load_jobs error: Unable to contact slurm controller")
    record = seen(nowhere, silent, monkeypatch, (ledger.measured(), []))
    text = "\n".join(servers_as_text(record))
    assert "1 starting" in text and "slurm does not answer: slurm_load_jobs error" in text
    assert not is_well(WELL | {"backends": record["backends"]})


WELL = {
    "overview": [{"well": True}],
    "backends": {"slurm": {"answers": True}},
    "certificates": {"front": 0.1},
    "disks": {"state": {"free": 2, "bytes": 100}},
}


@pytest.mark.parametrize(
    "trouble",
    [
        {"overview": []},
        {"overview": [{"well": False}]},
        {"backends": {}},
        {"certificates": {"front": 9.0, "internal": -0.1}},
        {"disks": {"state": {"free": 1, "bytes": 100}}},
    ],
)
def test_each_part_of_the_state_can_need_attention(trouble: dict[str, Any]) -> None:
    assert is_well(WELL) and is_well(WELL | {"certificates": {}, "disks": {}})
    assert not is_well(WELL | trouble)


def test_the_token_goes_only_to_a_program_of_the_hubs_account(
    nowhere: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The account nobody has the hub's port; the caller of the program is another one."""
    sent: list[Any] = []
    monkeypatch.setattr(hub_figures, "read_token", lambda _: "secret")
    monkeypatch.setattr(hub_figures, "get", lambda *words: sent.append(words) or (200, ""))
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        own = pwd.getpwuid(os.geteuid()).pw_name
        for user in ("nobody", own):
            hub = {"port": taken.getsockname()[1], "user": user, "address": "127.0.0.1"}
            site = nowhere.model_copy(update={"hub": nowhere.hub.model_copy(update=hub)})
            if user == own:
                assert hub_figures.hub_figures(site) == {}
            else:
                with pytest.raises(Problem, match="no program of nobody listens"):
                    hub_figures.hub_figures(site)
    assert len(sent) == 1


def test_a_prefix_that_cannot_be_read_hides_nothing_else(
    nowhere: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stale(_: Path) -> bool:
        raise OSError(errno.ESTALE, "Stale file handle")

    monkeypatch.setattr(Path, "exists", stale)
    assert read_prefix(nowhere) == PrefixState()


def test_a_site_of_which_nothing_is_there_is_told_as_such(
    nowhere: Site, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "backends_of", lambda *_: {"slurm": Slurm(fault="no answer")})
    assert status(nowhere) == 1
    text = capsys.readouterr().out
    assert "none" in text and "not seen: ledger" in text and "not seen: hub" in text
    assert f"{nowhere.paths.state} does not exist" in text
    assert status(nowhere, "JSON=1") == 1
    record = json.loads(capsys.readouterr().out)
    assert record["servers"] == [] and "ledger" in record["unseen"]
    assert list(as_text(record))


class Cluster:
    """A backend with two nodes."""

    asked = 0

    async def node_names(self) -> set[str]:
        Cluster.asked += 1
        return {"n1", "n2"}


def test_a_drained_node_that_the_cluster_no_longer_has_is_named(ledger: Ledger) -> None:
    ledger.drain("partition", "short", "new nodes", "carol")
    assert missing_nodes(ledger.drained(), [Cluster()]) == [] and Cluster.asked == 0
    for name in ("n1", "n9"):
        ledger.drain("node", name, "reboot\x1b", "root (make)")
    found = ledger.drained()
    assert [(one["kind"], one["name"]) for one in found] == [
        ("node", "n1"),
        ("node", "n9"),
        ("partition", "short"),
    ]
    gone = missing_nodes(found, [Cluster()])
    assert gone == ["n9"] and Cluster.asked == 1
    record = WELL | {"drains": [{**one, "gone": one["name"] in gone} for one in found]}
    whole = {**record, "release": "", "certificates": {}, "disks": {}, "unseen": {}, "servers": []}
    rows: dict[str, Any] = {key: [] for key in ("tiers", "partitions", "nodes")}
    whole |= rows | {"overview": [], "backends": {}, "cards": None, "site": "x", "at": 0.0}
    text = "\n".join(as_text(whole))
    assert "drained node" in text and "n1 since" in text and "reboot?" in text
    assert "no node n9 any more: make undrain NODE=n9" in text and "NODE=n1" not in text
    assert not is_well(record) and is_well(record | {"drains": found[:0]})


def test_text_of_others_stays_on_its_line() -> None:
    assert one_line("node\x1b[2J\nroot: all is well\u202e") == "node?[2J?root: all is well?"


VIEW = """
import sys
from sitekit.operations.status.live_view import show_live
sys.exit(show_live(lambda: (["servers"], 0.05), terminal={terminal}))
"""


def test_top_ends_when_nobody_reads_it_any_more() -> None:
    argv = [sys.executable, "-c", VIEW.format(terminal=False)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as top:
        assert top.stdout.readline() == b"servers\n"
        top.stdout.close()
        assert top.wait(120) == 0 and top.stderr.read() == b""


def test_q_ends_top_and_the_terminal_is_as_before() -> None:
    import pty
    import select
    import termios

    ours, theirs = pty.openpty()
    before = termios.tcgetattr(theirs)
    argv = [sys.executable, "-c", VIEW.format(terminal=True)]
    env = {**os.environ, "TERM": "xterm"}
    with subprocess.Popen(argv, stdin=theirs, stdout=theirs, stderr=theirs, env=env) as top:
        shown = b""
        while b"q ends" not in shown:
            if select.select([ours], [], [], 1)[0]:
                shown += os.read(ours, 4096)
            else:
                assert top.poll() is None, shown.decode()
        os.write(ours, b"q")
        assert top.wait(120) == 0
    assert b"servers" in shown
    assert termios.tcgetattr(theirs)[3] == before[3]
    os.close(ours)
    os.close(theirs)
