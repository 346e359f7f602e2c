"""What the hub, a participant, a container and a neighbour of the machine cannot do."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ..person import Person
from ..processes import processes, words_of
from ..slurm import until
from .conftest import Workshop
from .machine import SOCKET, docker, run
from .test_servers import containers, people, python_of, rows, units

__all__ = ["people"]
TAG = "0123456789abcdef"


def as_account(account: str, *argv: object, given: str = "") -> subprocess.CompletedProcess[str]:
    """Run a program as an account, with the groups of this account."""
    entry = pwd.getpwnam(account)
    words = ["setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--init-groups", "--"]
    argv = (*words, *map(str, argv))
    return subprocess.run(argv, input=given, capture_output=True, text=True, timeout=180, cwd="/")


def ask(workshop: Workshop, request: object, *arguments: str) -> dict[str, Any]:
    """Send the local gate a request, as the hub does."""
    gate = workshop.site.libexec / "local_gate"
    text = request if isinstance(request, str) else json.dumps(request)
    words = ("sudo", "-n", "-u", "root", "--", gate, *arguments)
    done = as_account(workshop.site.hub.user, *words, given=text)
    return json.loads(done.stdout) if done.stdout.startswith("{") else {"ok": False, "kind": "sudo"}


def request(**changes: Any) -> dict[str, Any]:
    """A good request to start a server, with changes."""
    good = {"verb": "submit", "engine": "docker", "account": "trainee3", "tag": TAG, "tier": "docker",
            "image": "python-r", "environment": {}}  # fmt: skip
    return {key: value for key, value in {**good, **changes}.items() if value is not None}


REFUSED = {
    "not JSON": "x",
    "root": request(account="root"),
    "the hub's account": request(account="jupyterhub-daemon"),
    "an account outside of the groups": request(account="outsider"),
    "no account": request(account="nobody-there"),
    "an option as account": request(account="--privileged"),
    "another engine": request(engine="podman"),
    "an engine that is a list": request(engine=["docker"]),
    "another tier": request(tier="huge"),
    "a tier of the other engine": request(tier="systemd"),
    "an image that the tier lacks": request(image="gone"),
    "no image": request(image=None),
    "a limit of one's own": request(memory=10**6),
    "a bind": request(binds=["/:/host"]),
    "another tag": request(tag="../../x"),
    "another user": request(user="trainee1"),
    "a variable of another kind": request(environment={"LD_PRELOAD": "/tmp/x"}),
    "a line break": request(environment={"JUPYTERHUB_API_TOKEN": "a\nPATH=/tmp"}),
    "another hub": request(
        environment={"JUPYTERHUB_OAUTH_CALLBACK_URL": "https://evil.example.org/"}
    ),
    "another container": {"verb": "cancel", "engine": "docker", "job": "database"},
    "another unit": {"verb": "cancel", "engine": "systemd", "job": "ssh"},
    "another unit's log": {"verb": "log", "engine": "systemd", "job": "../../etc"},
    "another verb": {"verb": "run", "engine": "docker"},
}


@pytest.mark.parametrize("case", REFUSED)
def test_the_gate_refuses(workshop: Workshop, people: dict[str, Person], case: str) -> None:
    before = {*containers("--all"), *units(workshop)}
    reply = ask(workshop, REFUSED[case])
    assert not reply["ok"] and reply["kind"] == "refused", reply
    # one of an earlier test may end meanwhile
    assert {*containers("--all"), *units(workshop)} <= before


def test_the_gate_is_for_the_hub_alone(workshop: Workshop) -> None:
    assert ask(workshop, {"verb": "query", "engine": "docker"})["ok"]
    assert ask(workshop, {"verb": "query", "engine": "docker"}, "--help")["kind"] == "sudo"
    gate = workshop.site.libexec / "local_gate"
    for account in ("trainee1", workshop.site.proxy.user):
        done = as_account(account, "sudo", "-n", "-u", "root", "--", gate, given="{}")
        assert done.returncode and not done.stdout
    for account in (workshop.site.hub.user, "trainee1"):
        assert (
            "permission denied"
            in as_account(account, "docker", "-H", f"unix://{SOCKET}", "ps").stderr
        )
    for path in (gate, *workshop.site.libexec.iterdir()):
        assert path.stat().st_uid == 0 and not path.stat().st_mode & 0o022


@pytest.mark.parametrize("engine", ["docker", "systemd"])
def test_the_token_is_shown_to_nobody_else(
    workshop: Workshop, people: dict[str, Person], engine: str
) -> None:
    """Neither in a command line, nor in the properties of a unit, nor in a file that others read."""
    kernel = people[engine].kernel(python_of(people[engine]))
    token = kernel.run("import os; print(os.environ['JUPYTERHUB_API_TOKEN'])")
    kernel.close()
    assert len(token) >= 32
    assert not [words for words in map(words_of, processes()) if token in " ".join(words)]
    for unit in units(workshop):
        assert token not in as_account("trainee3", "systemctl", "show", unit).stdout
    kept = workshop.site.run / "servers"
    assert as_account("trainee3", "ls", kept).returncode
    assert not [file for file in kept.iterdir() if file.suffix == ".env"]


CONNECT = Path(__file__).parent / "programs" / "connect.py"


def connect(address: str, port: int) -> str:
    """Return the program for a kernel, which has no arguments of its own."""
    return f"import sys; sys.argv[1:] = [{address!r}, {str(port)!r}]\n{CONNECT.read_text()}"


def test_no_participant_reaches_the_server_of_another(
    workshop: Workshop, people: dict[str, Person]
) -> None:
    """From a container to another container, and from a unit to both."""
    ports = {row["backend"]: row["port"] for row in rows(workshop)}
    [first] = containers()
    form = '{{(index .NetworkSettings.Networks "sitekit-workshop-vm").IPAddress}}'
    places = {"docker": docker("inspect", "--format", form, first), "systemd": "127.0.0.1"}
    with workshop.person("trainee3") as other:
        other.login()
        assert other.start("docker")[-1].get("ready")
        kernel = other.kernel(python_of(other))
        told = kernel.run(connect(places["docker"], ports["docker"]))
        assert told.startswith("REFUSED Timeout") or told == "REFUSED TimeoutError", "no packet"
        kernel.close()
        other.stop_and_wait()
    unit = people["systemd"].kernel(python_of(people["systemd"]))
    for engine, address in places.items():
        told = unit.run(connect(address, ports[engine]))
        assert told.startswith("REFUSED SSL") or "REFUSED" in told, (engine, told)
    unit.close()


@contextmanager
def neighbour(address: str) -> Iterator[tuple[str, ...]]:
    """Another machine in the network of this host, with a route to the containers' network."""
    name = "sitekit-test-next"
    run("ip", "netns", "add", name)
    try:
        run(
            "ip", "link", "add", "sk-next", "type", "veth", "peer", "name", "sk-peer", "netns", name
        )
        run("ip", "address", "add", "198.51.100.1/24", "dev", "sk-next")
        run("ip", "link", "set", "sk-next", "up")
        inside = ("nsenter", f"--net=/run/netns/{name}")
        run(*inside, "ip", "address", "add", "198.51.100.2/24", "dev", "sk-peer")
        run(*inside, "ip", "link", "set", "sk-peer", "up")
        run(*inside, "ip", "route", "add", address, "via", "198.51.100.1")
        yield inside
    finally:
        run("ip", "netns", "delete", name)


def test_a_neighbour_does_not_reach_the_hub(workshop: Workshop, people: dict[str, Person]) -> None:
    """With a route to the bridge, the weak host model of Linux would let it."""
    hub, port = workshop.site.hub.address, workshop.site.hub.port
    python = os.fspath(workshop.site.current / "bin/python")
    words = (python, "-I", "-c", connect(hub, port))
    # this host reaches it; the program waits for four seconds only
    until(lambda: (told := run(*words)) and ("REFUSED SSL" in told or "READ" in told))
    with neighbour(hub) as inside:
        assert run(*inside, *words).startswith("REFUSED Timeout")
        front = connect("198.51.100.1", workshop.site.front.port)
        # it reaches the web server
        until(lambda: "Timeout" not in run(*inside, python, "-I", "-c", front))
