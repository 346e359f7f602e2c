"""A hub that reaches Slurm through a login node: the chain, an outage, and releases that do not fit."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psutil

from sitekit.backends.slurm.compare_hub_and_cluster_release import KEPT
from sitekit.machine.checks import login_node_partitions as login_node_checks

from ..chain.test_chain import python_of
from ..conftest import Demo, logged_in
from ..faults.machine import changed
from ..faults.test_cards import refused
from ..person import Person
from ..slurm import jobs, until
from .conftest import ACCOUNT, LoginNode


def status(person: Person) -> dict[str, object]:
    return person.api("GET", "/sitekit/status").json()


def test_a_server_runs_code_and_ends(login_node: LoginNode, demo: Demo, alice: Person) -> None:
    events = alice.start("small")
    assert events[-1].get("ready"), events
    [job] = jobs(login_node.site, "alice")
    assert job.split()[1:3] == ["jupyter-short", "RUNNING"]
    assert alice.lab().status_code == 200
    kernel = alice.kernel(python_of(alice))
    assert kernel.run("import getpass; print(getpass.getuser())").strip() == "alice"
    alice.stop_and_wait()
    until(lambda: not jobs(login_node.site, "alice"), 180)


def test_one_connection_serves_all_queries(login_node: LoginNode, alice: Person) -> None:
    """A new connection is made only for a user's certificate."""
    before = login_node.log().count("Accepted publickey for jupyterhub-gate")
    for _ in range(3):
        alice.api("GET", "/users/alice")
        alice.form()
    queries = login_node.log().count("Accepted publickey for jupyterhub-gate") - before
    assert queries == 0, login_node.log()


def test_while_the_login_node_is_away_servers_stay(
    login_node: LoginNode, demo: Demo, alice: Person
) -> None:
    assert alice.start("small")[-1].get("ready")
    with logged_in(demo, "carol") as carol:
        login_node.stop()
        cut(login_node)
        try:
            until(lambda: status(carol)["answers"] is False, 180)
            assert alice.server()["ready"] and alice.lab().status_code == 200
        finally:
            login_node.start()
        until(lambda: status(carol)["answers"] is True, 180)
    assert alice.server()["ready"] and alice.lab().status_code == 200
    [_] = jobs(login_node.site, "alice")
    alice.stop_and_wait()


def test_a_release_of_other_versions_starts_no_server(login_node: LoginNode, alice: Person) -> None:
    """The hub has the release that is there; on the cluster, an older one is the current one."""
    site = login_node.site
    facts = json.loads((site.current / "release.json").read_text())
    for package in facts["packages"]:
        if package["name"] == "jupyterhub":
            package["version"] = "5.4.3"
    older = Path(tempfile.mkdtemp(dir="/var/lib", prefix="sitekit-test-")) / "release.json"
    older.parent.chmod(0o755)
    older.write_text(json.dumps({**facts, "name": "2026-03-01-older"}))
    there = str(site.paths.prefix / "current" / "release.json")
    try:
        assert alice.start("small")[-1].get("ready")
        with changed(site.libexec / "gate.json", lambda text: text.replace(there, str(older))):
            time.sleep(KEPT)
            assert alice.server()["ready"], "running servers stay"
            alice.stop_and_wait()
            told = refused(alice, "small", "release")
            assert "JupyterHub 5.4.3" in " ".join(told["lines"])
            assert not jobs(site, "alice")
            [found] = [
                one
                for one in login_node_checks.check_login_node(site)
                if "no server can" in one.what
            ]
            assert "2026-03-01-older" in found.what and not found.refuses
        assert alice.start("small")[-1].get("ready")
        alice.stop_and_wait()
    finally:
        shutil.rmtree(older.parent)


def cut(node: LoginNode) -> None:
    """End the connections that are open: the processes of sshd for the accounts of the hub."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.name() == "sshd" and ACCOUNT in " ".join(process.cmdline()):
                process.terminate()
