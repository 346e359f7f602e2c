"""A hub that reaches Slurm through a login node: the chain, an outage, and a hub that restarts."""

from __future__ import annotations

from contextlib import suppress

import psutil

from ..chain.test_chain import python_of
from ..conftest import Demo, logged_in
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
    until(lambda: not jobs(login_node.site, "alice"))


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
            until(lambda: status(carol)["answers"] is False, 90)
            assert alice.server()["ready"] and alice.lab().status_code == 200
        finally:
            login_node.start()
        until(lambda: status(carol)["answers"] is True, 90)
    assert alice.server()["ready"] and alice.lab().status_code == 200
    [_] = jobs(login_node.site, "alice")
    alice.stop_and_wait()


def cut(node: LoginNode) -> None:
    """End the connections that are open: the processes of sshd for the accounts of the hub."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.name() == "sshd" and ACCOUNT in " ".join(process.cmdline()):
                process.terminate()
