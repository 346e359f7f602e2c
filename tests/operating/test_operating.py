"""Announcements, the trace of a start, and the report of use, on the demo."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sitekit.base.errors import BadInput
from sitekit.operations.running_hub import announce as announce_commands
from sitekit.operations.running_hub import drain as drain_commands
from sitekit.operations.trace import commands as trace_commands
from sitekit.operations.usage_report import commands as report_commands

from ..attacks.hublog import end_of_log, logged
from ..conftest import Demo
from ..person import Person
from ..slurm import ask, jobs, partition_down, until


def in_thread(command: Callable[..., int]) -> Callable[..., int]:
    """The command in a thread of its own: an event loop of the browser's tests runs in this one."""

    def call(*words: Any) -> int:
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(command, *words).result()

    return call


announce = in_thread(announce_commands.announce)
announce_end = in_thread(announce_commands.announce_end)
drain = in_thread(drain_commands.drain)
undrain = in_thread(drain_commands.undrain)
stop_servers = in_thread(drain_commands.stop_servers)
trace = in_thread(trace_commands.trace)
report = in_thread(report_commands.report)

TEXT = "<b>Down</b> & 'out'"
ESCAPED = "&lt;b&gt;Down&lt;/b&gt; &amp;"


@contextmanager
def announced(carol: Person, **body: Any) -> Iterator[int]:
    """An announcement that an administrator makes by the REST API."""
    answer = carol.api("POST", "/sitekit/announcements", body)
    assert answer.status_code == 201, answer.text
    number = answer.json()["id"]
    try:
        yield number
    finally:
        assert carol.api("DELETE", f"/sitekit/announcements/{number}").status_code == 204


@pytest.fixture
def carol(demo: Demo) -> Iterator[Person]:
    with demo.person("carol") as person:
        person.login()
        yield person


def test_an_announcement_is_on_its_pages_escaped_and_its_makers_are_logged(
    demo: Demo, alice: Person, carol: Person, capsys: pytest.CaptureFixture[str]
) -> None:
    before = end_of_log(demo.site)
    with announced(carol, text=TEXT, pages=["login", "home"], level="maintenance"):
        with Person("nobody", "", demo.site.front.url) as stranger:
            assert ESCAPED in stranger.http.get("/hub/login").text
        home = alice.http.get("/hub/home").text
        assert ESCAPED in home and TEXT not in home
        assert ESCAPED not in alice.form()
    assert ESCAPED not in alice.http.get("/hub/home").text
    assert announce(demo.site, "TEXT=by make", "PAGES=form", "DISMISS=0") == 0
    number = re.search(r"Announcement (\d+)", capsys.readouterr().out)
    assert number and "by make" in alice.form()
    assert announce_end(demo.site, f"ID={number[1]}") == 0
    assert "by make" not in alice.form()

    def lines() -> list[dict[str, Any]]:
        found = re.findall(rb"Operator action: (\{.*\})", logged(demo.site, before))
        return [json.loads(line) for line in found]

    told = until(lambda: (found := lines()) and len(found) == 4 and found)
    assert isinstance(told, list)
    assert [(one["who"], one["action"]) for one in told] == [
        ("carol", "announce"),
        ("carol", "announce_end"),
        ("root (make)", "announce"),
        ("root (make)", "announce_end"),
    ]


def notice(person: Person) -> dict[str, Any]:
    """What the lab of this user asks its server for."""
    path = person.server_path("")
    assert person.lab().status_code == 200
    headers = {"X-XSRFToken": person.xsrf(path), "Referer": f"{person.base}{path}lab"}
    told: dict[str, Any] = person.http.get(f"{path}sitekit/notice", headers=headers).json()
    return told


def test_only_administrators_announce(demo: Demo, alice: Person, carol: Person) -> None:
    with announced(carol, text="to stay") as number:
        assert alice.api("POST", "/sitekit/announcements", {"text": "a"}).status_code == 403
        assert alice.api("GET", "/sitekit/announcements").status_code == 403
        told = carol.api("GET", "/sitekit/announcements").json()["announcements"]
        assert number in [one["id"] for one in told]
        assert alice.api("DELETE", f"/sitekit/announcements/{number}").status_code == 403
    assert carol.api("POST", "/sitekit/announcements", {"text": "a\x07"}).status_code == 400
    assert carol.api("POST", "/sitekit/announcements", ["a"]).status_code == 400
    assert carol.api("DELETE", "/sitekit/announcements/999999").status_code == 404


@pytest.mark.soak
def test_a_maintenance_reservation_is_on_the_form(demo: Demo, alice: Person) -> None:
    words = ("starttime=now+2days", "duration=60", "users=root", "flags=maint,ignore_jobs")
    made = ask(demo.site, "scontrol", "create", "reservation", *words, "nodes=ALL")
    name = made.split()[-1]
    try:
        until(lambda: "do not start before" in alice.form(), patience=300)
        assert name not in alice.form()
    finally:
        ask(demo.site, "scontrol", "delete", f"reservationname={name}")


def test_a_start_is_traced_and_reported(
    demo: Demo, alice: Person, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert alice.start("small")[-1].get("ready")
    capsys.readouterr()

    def traced() -> tuple[dict[str, Any], dict[str, list[str]]] | None:
        """The story by its sources, once Slurm's accounting knows that the job has started."""
        code = trace(demo.site, "USER=alice", "JSON=1")
        told, by_source = json.loads(capsys.readouterr().out), {}
        for step in told["steps"]:
            by_source.setdefault(step["source"], []).append(step["stage"])
        known = "started" in by_source.get("slurm", []) and "front" in by_source
        return (told, by_source) if code == 0 and known else None

    told, by_source = until(traced, 180, 2)
    assert {"requested", "submitted", "listening"} <= set(by_source["ledger"])
    assert {"submitted", "listening", "opened"} <= set(by_source["hub"])
    assert {"node", "network", "bound", "reported"} == set(by_source["node"])
    assert [step["at"] for step in told["steps"]] == sorted(step["at"] for step in told["steps"])
    # without a journal, the gate logs nowhere, and the trace says so
    assert ("gate" in by_source) != ("gate" in told["not_readable"])
    [job] = jobs(demo.site, "alice")
    shown = ask(demo.site, "scontrol", "show", "job", job.split()[0])
    assert f"sitekit:{demo.site.name}:{told['start']}" in shown
    alice.stop_and_wait()

    def reported() -> dict[str, str] | None:
        """The figures of the tier, once Slurm's accounting knows the memory of its jobs."""
        assert report(demo.site, f"FOLDER={tmp_path}") == 0
        [table] = tmp_path.glob("*.csv")
        rows = list(csv.DictReader(table.read_text().splitlines()))
        [small] = [row for row in rows if (row["tier"], row["month"]) == ("small", "all")]
        return small if int(small["memory_measured"]) >= 1 else None

    small = until(reported, 240, 2)
    assert int(small["starts"]) >= 1 and float(small["cpu_hours"]) > 0
    assert int(small["memory_max_mib"]) > 10
    [page] = tmp_path.glob("*.html")
    assert "<svg" in page.read_text() and "alice" not in page.read_text()


def test_a_start_that_fails_has_its_step_named(
    demo: Demo, alice: Person, capsys: pytest.CaptureFixture[str]
) -> None:
    """The owner of the job cancels it in the queue."""
    with partition_down(demo.site, "jupyter-long"):
        assert alice.choose("long").status_code == 302
        job = until(lambda: jobs(demo.site, "alice"))
        assert isinstance(job, list)
        ask(demo.site, "scancel", job[0].split()[0], user="alice")
        assert list(alice.progress())[-1].get("failed")
    capsys.readouterr()

    def traced() -> dict[str, Any] | None:
        """The story, once Slurm's accounting knows the job."""
        assert trace(demo.site, "USER=alice", "JSON=1") == 1
        told: dict[str, Any] = json.loads(capsys.readouterr().out)
        return None if "slurm" in told["not_readable"] else told

    told = until(traced, 180, 2)
    assert isinstance(told, dict)
    assert (told["failed"], told["not_known"]) == ("started", [])
    assert told["card"] == "cancelled"
    assert trace(demo.site, "USER=alice") == 1
    assert "The start failed before this step" in capsys.readouterr().out


def test_a_tier_is_not_offered_while_it_is_drained(
    demo: Demo, alice: Person, carol: Person
) -> None:
    """By make and by the REST API."""
    before = end_of_log(demo.site)
    first, *others = partitions = demo.site.tier("small").partitions
    try:
        body = {"partition": first, "text": "<i>upgrade</i>"}
        answer = carol.api("POST", "/sitekit/drains", body)
        assert (answer.status_code, answer.json()) == (
            201,
            {"not_offered": ["small"] * (not others)},
        )
        for partition in others:
            assert drain(demo.site, f"PARTITION={partition}", "TEXT=<i>upgrade</i>") == 0
        form = alice.form()
        assert "is not offered now: &lt;i&gt;upgrade&lt;/i&gt;" in form
        assert 'value="small"' not in form
        answer = alice.api("POST", "/users/alice/server", {"tier": "small"})
        assert answer.status_code == 400 and "not offered now" in answer.text
        told = carol.api("GET", "/sitekit/drains").json()["drains"]
        assert [(one["name"], one["text"]) for one in told] == [
            (name, "<i>upgrade</i>") for name in sorted(partitions)
        ]
        assert {one["name"]: one["sender"] for one in told}[first] == "carol"
        state = carol.http.get("/hub/sitekit/status/state").json()["drains"]
        assert [one["name"] for one in state] == sorted(partitions)
    finally:
        for partition in others:
            assert undrain(demo.site, f"PARTITION={partition}") == 0
        answer = carol.api("DELETE", f"/sitekit/drains/partition/{first}")
    assert answer.status_code == 204 and 'value="small"' in alice.form()
    assert b'"who": "carol", "action": "drain"' in logged(demo.site, before)
    assert b'"who": "carol", "action": "undrain"' in logged(demo.site, before)
    for words in (("NODE=nowhere", "TEXT=a"), ("PARTITION=debug", "TEXT=a"), ("NODE=n",), ()):
        with pytest.raises(BadInput):
            drain(demo.site, *words)
    for body in ({"node": "nowhere", "text": "a"}, {"node": "n", "partition": "p"}, {"text": "a"}):
        assert carol.api("POST", "/sitekit/drains", body).status_code == 400


def test_administrators_stop_a_users_servers_by_the_rest_api(
    demo: Demo, alice: Person, carol: Person
) -> None:
    assert alice.start("small")[-1].get("ready")
    answer = carol.api("POST", "/sitekit/stops", {"user": "alice", "text": "it fills /scratch"})
    assert answer.status_code == 202
    stop = f"/sitekit/stops/{answer.json()['id']}"
    until(lambda: carol.api("GET", stop).json()["stopped"] == 1, 180)
    until(lambda: alice.server() is None, 180)
    assert alice.api("GET", "/sitekit/card").json()["remedy"] == "it fills /scratch"


@pytest.mark.soak
def test_no_server_starts_where_it_is_drained(demo: Demo, alice: Person) -> None:
    """Who is on the node gets the text, and the next server is on another one."""
    site = demo.site
    assert alice.start("small")[-1].get("ready")
    [line] = jobs(site, "alice")
    number, _, _, node = line.split()
    try:
        assert drain(site, f"NODE={node}", "TEXT=<i>reboot</i> at 9") == 0

        def texts() -> list[str]:
            return [one["text"] for one in notice(alice).get("messages", [])]

        until(lambda: "<i>reboot</i> at 9" in texts(), patience=240, every=2)
        alice.stop_and_wait()
        assert alice.start("small")[-1].get("ready")
        [line] = jobs(site, "alice")
        assert line.split()[0] != number and line.split()[3] != node
        assert stop_servers(site, "USER=alice", "TEXT=for the upgrade") == 0
        until(lambda: alice.server() is None, 180)
        assert alice.api("GET", "/sitekit/card").json()["remedy"] == "for the upgrade"
    finally:
        undrain(site, f"NODE={node}")
