"""Check the programs that run servers on the hub's own host: Docker with its images and network,
and the local gate."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from ....base.finding import Finding
from ....base.run_program import Argv, CommandFailed, run
from ....contracts.local_gate_config import bridge
from ....machine.checks import local_backends
from ....site import Site
from ..check import Subject
from ..context import Context

_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}


def on_this_host(site: Site) -> bool:
    """Return whether tiers of the site run on the hub's own host."""
    return bool(site.local_backends)


def _on_docker(site: Site) -> bool:
    return "docker" in site.backends


def _on_systemd(site: Site) -> bool:
    return "systemd" in site.backends


subject = Subject("engines", "Servers on the hub's own host", on_this_host)


@subject.check(
    "systemd",
    "whether systemd is PID 1",
    "servers of these tiers are units of systemd",
    "boot the machine with systemd, or write another backend to runs_on",
    applies=_on_systemd,
)
def systemd(here: Context) -> Iterator[Finding]:
    if not local_backends.SYSTEMD.is_dir():
        yield Finding("systemd is not PID 1 on this machine", "tiers")


@subject.check(
    "docker",
    "whether Docker answers at docker.socket",
    "without Docker no server in a container starts, and the hub does not know which servers run",
    "systemctl start docker; journalctl -u docker has the reason",
    root=True,
    applies=_on_docker,
)
def docker(here: Context) -> Iterator[Finding]:
    program = here.site.docker.program
    if not program.exists():
        yield Finding("it is not there", str(program), f"{here.platform.install} docker.io")
        return
    done = run([*here.site.docker.command, "info"], timeout=8 * here.patience, check=False)
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["no answer"])[-1]
        yield Finding(f"Docker does not answer: {said}", str(here.site.docker.socket))


@subject.check(
    "images",
    "whether Docker has each image, with the image Id in the site file",
    "servers in this image do not start",
    "build the image, or load it with docker load; then: sudo make images_check",
    needs=("engines.docker",),
    root=True,
    applies=_on_docker,
)
def has_images(here: Context) -> Iterator[Finding]:
    for found in local_backends.check_docker_images(here.site):
        yield Finding(found.what, found.where or "", found.remedy or "")


@subject.check(
    "service",
    "whether the service NAME-containers, which manages the containers' network, runs",
    "this service ends containers whose time is over, and closes the hub's port to other machines",
    "sudo make start",
    follows=("engines.docker", "files.missing", "services.supervisor"),
    root=True,
    applies=_on_docker,
)
def service(here: Context) -> Iterator[Finding]:
    state = here.states["containers"]
    if state.word != "running":
        yield Finding(f"it is {state.word}: {state.detail}", here.applied.service("containers"))


@subject.check(
    "network",
    "whether the bridge of the containers' network exists, and has the address docker.gateway",
    "without the bridge the hub cannot listen, and containers cannot connect to the hub",
    "sudo make start; look at the log of the service NAME-containers",
    follows=("engines.service", "engines.docker"),
    root=True,
    applies=_on_docker,
)
def network(here: Context) -> Iterator[Finding]:
    name, gateway = bridge(here.applied), here.applied.docker.gateway
    argv: Argv = ["ip", "-4", "-oneline", "address", "show", "dev", name]
    shown = run(argv, check=False, timeout=5 * here.patience, env=_ENVIRONMENT)
    if shown.returncode:
        yield Finding(f"there is no bridge {name}", "docker.subnet")
    elif f" {gateway}/" not in shown.stdout:
        yield Finding(f"the bridge {name} does not have the address {gateway}", "docker.subnet")


@subject.check(
    "hub-port",
    "the rules of iptables that close the hub's port to other machines",
    "a machine with a route to the containers' network reaches the hub's internal port",
    "sudo make start; the service NAME-containers adds rules that are missing",
    follows=("engines.service",),
    root=True,
    applies=_on_docker,
)
def hub_port(here: Context) -> Iterator[Finding]:
    site, chain = here.applied, f"{bridge(here.applied)}-hub"
    wanted = {
        "INPUT": f"-A INPUT -d {site.docker.gateway}/32 -j {chain}",
        chain: f"-A {chain} -p tcp -m tcp --dport {site.hub.port} -j DROP",
    }
    for name, rule in wanted.items():
        listed = run(
            ["iptables", "-w", "-S", name], check=False, timeout=5 * here.patience, env=_ENVIRONMENT
        ).stdout
        if rule not in listed.splitlines():
            yield Finding(f"the rule is missing: {rule}", "iptables")


@subject.check(
    "gate",
    "whether the local gate, which the hub's account starts with sudo, answers a query for each engine",
    "the hub starts, lists and ends servers through the local gate",
    "run it by hand, and read the message: sudo -n -u root -- GATE",
    needs=("accounts.exist",),
    follows=("engines.docker", "files.edited", "files.missing", "files.modes"),
    root=True,
)
def gate(here: Context) -> Iterator[Finding]:
    path = here.applied.libexec / "local_gate"
    argv: Argv = ["/usr/bin/sudo", "-n", "-u", "root", "--", path]
    for engine in here.applied.local_backends:
        given = json.dumps({"verb": "query", "engine": engine})
        try:
            done = run(
                argv, stdin=given, user=here.applied.hub.user, env=_ENVIRONMENT, cwd=Path("/"),
                timeout=8 * here.patience, check=False,
            )  # fmt: skip
            answer = json.loads(done.stdout)
            said = "" if answer.get("ok") else str(answer.get("error", ""))
        except (ValueError, AttributeError):
            said = (done.stderr.strip().splitlines() or ["nothing"])[-1]
        except CommandFailed as failed:
            said = str(failed).splitlines()[0]
        if said:
            yield Finding(f"for {engine}, the local gate answers: {said}", str(path))


@subject.check(
    "sizes",
    "memory and CPUs of each tier, compared with this host",
    "a server that is larger than the host does not get what the form promises",
    "make the tier smaller, or use a larger machine",
)
def sizes(here: Context) -> Iterator[Finding]:
    yield from local_backends.check_tier_sizes(here.site)
