"""The story of a start: lines of each log, whose they are, the order, and the step that failed."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from sitekit.base.errors import BadInput
from sitekit.hub.ledger.ledger_rows import Row
from sitekit.operations.trace import commands, find_log_lines
from sitekit.operations.trace.commands import as_json, as_text, ledger_steps
from sitekit.operations.trace.find_log_lines import (
    front_steps,
    read_gate_lines,
    read_hub_lines,
    read_node_lines,
)
from sitekit.operations.trace.find_missing_step import STAGES, order_steps, stages_of
from sitekit.operations.trace.step import NotReadable, Step

TAG, OTHER = "0123456789abcdef", "fedcba9876543210"
NOON = datetime(2026, 12, 1, 12).timestamp()


def row(**other: Any) -> Row:
    fields: dict[str, Any] = {
        "tag": TAG,
        "user": "alice",
        "account": "alice",
        "uid": 1001,
        "job": "12",
        "intended": NOON,
        "name": "",
        "backend": "slurm",
        "token": None,
        "choice": {"tier": "small"},
    }
    return Row(**{**fields, **other})


def test_the_hubs_lines_are_found_by_the_id_in_text_and_in_json() -> None:
    text = [
        f'[I 2026-12-01 12:00:01.250 JupyterHub log_start:23] Start {TAG}: submitted {{"job": "12"}}',
        f"[I 2026-12-01 12:00:01.300 JupyterHub log_start:23] Start {OTHER}: submitted {{}}",
        f"[W 2026-12-01 12:00:01.400 JupyterHub x:1] 404 GET /Start {TAG}: opened",
        f"Start {TAG}: opened without a time",
        json.dumps({"time": "2026-12-01T12:00:02.5+00:00", "message": f"Start {TAG}: opened {{}}"}),
        f'{{"time": "never", "message": "Start {TAG}: opened"}}',
        f'{{"time": 3, "message": "Start {TAG}: opened"}}',
    ]
    found = list(read_hub_lines(text, TAG))
    assert [(one.what, one.stage) for one in found] == [
        ('submitted {"job": "12"}', "submitted"),
        ("opened {}", "opened"),
    ]
    assert found[0].at == NOON + 1.25
    assert found[1].at == datetime.fromisoformat("2026-12-01T12:00:02.500+00:00").timestamp()


def journal(text: str, uid: str = "1001", at: float = NOON + 1) -> str:
    return json.dumps({"__REALTIME_TIMESTAMP": str(int(at * 1e6)), "MESSAGE": text, "_UID": uid})


def test_the_gates_lines_count_only_if_the_account_or_root_wrote_them() -> None:
    lines = [
        journal(f'submit site=demo uid=1001 job=12 tag="{TAG}"'),
        journal(f'submit site=demo uid=1001 job=66 tag="{TAG}"', uid="1002"),
        journal('refused site=demo uid=1001 error="no" kind="home"'),
        journal('refused site=demo uid=1001 error="long ago"', at=NOON - 60),
        "no JSON",
    ]
    found = list(read_gate_lines(lines, row()))
    assert [(one.what.split()[0], one.stage) for one in found] == [
        ("submit", "submitted"),
        ("refused", ""),
    ]


def test_the_jobs_lines_are_those_of_the_session_and_nothing_else() -> None:
    lines = [
        f"sitekit: 2026-12-01T12:00:03.000+00:00 start {TAG}: job 12 begun on n1",
        f"sitekit: 2026-12-01T12:00:04.000+00:00 start {TAG}: listening on port 50001",
        f"sitekit: yesterday start {TAG}: reported to the hub",
        f"x sitekit: 2026-12-01T12:00:04.000+00:00 start {TAG}: reported to the hub",
        f"sitekit: 2026-12-01T12:00:04.000+00:00 start {OTHER}: reported to the hub",
        f"sitekit: 2026-12-01T12:00:05.000+00:00 start {TAG}: a\x1b[2J",
    ]
    found = list(read_node_lines(lines, TAG))
    assert [(one.what, one.stage) for one in found] == [
        ("job 12 begun on n1", "node"),
        ("listening on port 50001", "bound"),
        ("a?[2J", ""),
    ]


def test_the_front_shows_the_users_own_pages(small_site: Any, tmp_path: Path) -> None:
    log = tmp_path / "apache-access.log"
    lines = [
        ("POST", "/hub/spawn/alice", 302),
        ("GET", "/hub/api/users/alice/server/progress", 200),
        ("GET", "/hub/api/users/alice2/server/progress", 200),
        ("GET", "/user/alice/lab", 200),
        ("GET", "/user/alice/api/kernels", 200),
        ("GET", "/user/alice/second/lab", 200),
    ]
    when = datetime.fromtimestamp(NOON + 1).astimezone().strftime("%d/%b/%Y:%H:%M:%S %z")
    log.write_text("".join(f'::1 [{when}] "{m} {p} HTTP/1.1" {s} 5 9\n' for m, p, s in lines))
    site = small_site(tmp_path)
    found = front_steps(site, row(), NOON + 60)
    assert [one.what.split()[1] for one in found] == [
        "/hub/spawn/alice",
        "/hub/api/users/alice/server/progress",
        "/user/alice/lab",
    ]
    assert len(front_steps(site, row(name="second"), NOON + 60)) == 1
    assert front_steps(site, row(), NOON) == [], "later requests are of another start"
    log.unlink()
    with pytest.raises(NotReadable, match=r"apache-access\.log: No such file"):
        front_steps(site, row(), NOON)


@pytest.fixture
def small_site() -> Any:
    """A site of which only the log folder and the web server are looked at."""
    front = SimpleNamespace(server="apache")
    return lambda folder: SimpleNamespace(log=folder, front=front)


def steps(*stages: str) -> list[Step]:
    return [Step(NOON + at, "hub", stage, stage) for at, stage in enumerate(stages)]


ALL = list(STAGES)


@pytest.mark.parametrize("count", range(1, len(ALL)))
def test_the_first_stage_that_is_missing_is_named(count: int) -> None:
    story = order_steps(steps(*ALL[:count]), (), over=True)
    assert story.failed == ALL[count] and not story.unsure and not story.under_way


def test_a_stage_that_was_not_seen_counts_if_a_later_one_was() -> None:
    assert order_steps(steps("requested", "listening"), (), over=True).failed == "opened"
    assert not order_steps(steps("requested", "opened"), (), over=True).failed
    assert order_steps(steps("requested"), (), over=False).under_way
    story = order_steps(steps("requested", "node"), ("ledger",), over=False)
    assert not story.under_way and not story.failed and "network" in story.unsure


def test_a_stage_of_an_unreadable_log_is_not_known() -> None:
    story = order_steps(steps("requested", "submitted", "started"), ("node",), over=True)
    assert story.unsure == ("node", "network", "bound") and story.failed == "listening"


def test_the_story_is_told_in_order_with_the_gaps() -> None:
    card = {"kind": "network", "what": "The node cannot reach the hub.\x07"}
    failed = row(ended=NOON + 300, card=card)
    told = [*ledger_steps(failed), Step(NOON + 2.5, "slurm", "job 12 started on n1", "started")]
    story = order_steps(told, {"gate": "why"}, over=True)
    text = "\n".join(as_text(failed, story, {"gate": "why"}))
    assert text.index("recorded job 12") < text.index("+2.500 s  slurm") < text.index("+297.500 s")
    assert "Not readable by you: gate: why" in text and "began on the node" in text
    assert "The user's card: The node cannot reach the hub.?" in text
    data = json.loads(json.dumps(as_json(failed, story, {"gate": "why"})))
    assert data["failed"] == "node" and data["steps"][1]["gap"] == 0 and data["card"] == "network"


def test_the_users_own_lines_neither_end_the_story_nor_fill_the_screen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = datetime.fromtimestamp(NOON + 3).astimezone().isoformat()
    (tmp_path / "job-12.log").write_text(
        f"sitekit: 0001-01-01T00:00:00+14:00 start {TAG}: listening on port 1\n"
        f"sitekit: {day} start {TAG}:  \n"
        f"sitekit: 2001-01-01T00:00:00+00:00 start {TAG}: reported to the hub\n"
        + f"sitekit: {day} start {TAG}: job 12 begun on n1\n"
        * 1000
    )
    monkeypatch.setattr(find_log_lines.os, "geteuid", lambda: 1001)
    account = SimpleNamespace(pw_dir=str(tmp_path), pw_uid=1001, pw_gid=1001)
    monkeypatch.setattr(find_log_lines.pwd, "getpwnam", lambda _: account)
    site = SimpleNamespace(slurm=SimpleNamespace(ssh=None), log_dir=".")
    found = find_log_lines.node_steps(cast(Any, site), row(ended=NOON + 60))
    assert {(one.what, one.stage) for one in found} == {("job 12 begun on n1", "node")}
    assert len(found) == 50


def test_a_start_whose_lines_are_gone_has_not_failed(small_site: Any, tmp_path: Path) -> None:
    site = small_site(tmp_path)
    site.service = lambda _: "hub"
    (tmp_path / "hub.log").write_text(f"[I 2026-12-01 12:00:01.250 x y:1] Start {OTHER}: opened\n")
    with pytest.raises(NotReadable, match="no line about this start"):
        find_log_lines.hub_steps(site, row())
    good = row(listening=NOON + 9, ended=NOON + 900)
    story = order_steps(ledger_steps(good), {"hub": "why"}, over=True)
    assert not story.failed and story.unsure == ("opened",)
    runs = order_steps(ledger_steps(row(listening=NOON + 9)), {"hub": "why"}, over=False)
    assert runs.unsure == ("opened",) and not runs.under_way
    opened = ledger_steps(good, NOON + 10)
    assert not order_steps(opened, {"hub": "why"}, over=True).unsure


def test_the_time_is_that_of_the_first_opening() -> None:
    good = row(listening=NOON + 9)
    again = [Step(NOON + at, "hub", "opened {}", "opened") for at in (5000.0, 10.5)]
    text = as_text(good, order_steps([*ledger_steps(good), *again], (), over=False), {})
    assert text[-1] == "The server was opened after 10.5 s."


def test_servers_without_slurm_have_no_steps_of_slurm() -> None:
    one = row(backend="docker", job="c1", ended=NOON + 9)
    story = order_steps(ledger_steps(one), (), over=True, backend="docker")
    text = "\n".join(as_text(one, story, {}))
    assert story.failed == "listening" and "Next: read the server's log" in text
    assert "Slurm" not in text and set(stages_of("docker")) < set(stages_of("slurm"))


def test_a_story_without_steps_has_a_text_too() -> None:
    assert "Not known" in "\n".join(as_text(row(), order_steps([], ("ledger",), over=False), {}))


def test_a_named_server_is_refused_without_the_ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise BadInput("only root and jupyterhub may read the ledger")

    monkeypatch.setattr(commands, "hubs_ledger", refuse)
    monkeypatch.setattr(commands.os, "geteuid", lambda: 1001)
    with pytest.raises(BadInput, match="only root") as refused:
        commands.last_start(cast(Any, None), "alice", "second")
    assert refused.value.where == "SERVER=second"
