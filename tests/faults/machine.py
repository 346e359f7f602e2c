"""Breaking the demo on purpose, and mending it again: its processes by their supervisor's word, its
files by root."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from sitekit.contracts.internal_tls import client_context, hub_url
from sitekit.demo.cluster import cluster_daemons as cluster
from sitekit.demo.cluster.paths_and_ports import demo_site
from sitekit.machine.host.platform import this_platform
from sitekit.machine.render.services_of_site import site_services, site_supervisor
from sitekit.machine.supervisors import control
from sitekit.machine.supervisors.service import Service
from sitekit.site import Site

from ..attacks.state import copy_of
from ..processes import environment_of, processes
from ..slurm import ask, until


class Machine:
    """The demo's services by short names: hub, proxy, munge, slurmctld, slurmd-demo1 and so on."""

    def __init__(self, site: Site) -> None:
        self.site = site
        as_run = demo_site(control.which_supervisor())
        own = [
            (service, site_supervisor(as_run)) for service in site_services(as_run, this_platform())
        ]
        daemons = (*cluster.accounting(as_run), *cluster.scheduling(as_run))
        others = [(service, cluster.supervisor(as_run)) for service in daemons]
        self.strays: set[int] = set()  # jobs that other tests have left
        self.strays |= self.live_jobs().keys() - {row["job"] for row in self.rows()}
        self._services = {
            service.name.removeprefix(site.service("")): (service, by)
            for service, by in own + others
        }

    def service(self, name: str) -> Service:
        """How a service is run."""
        return self._services[name][0]

    def pid(self, name: str) -> int:
        """The process of a service that runs. The hub's and the proxy's shell has become it by
        exec."""
        service, supervisor = self._services[name]
        state = supervisor.state(service)
        assert state.pid, f"{name} does not run: {state.detail}"
        return state.pid

    def kill(self, name: str) -> None:
        """kill -9, which leaves no time for anything."""
        with suppress(AssertionError, ProcessLookupError):  # one that does not run is dead already
            os.kill(self.pid(name), signal.SIGKILL)

    def mend(self, *names: str) -> None:
        """See that services run and answer; the supervisor has usually brought them back by itself."""
        for name in names:
            service, supervisor = self._services[name]
            with suppress(AssertionError, ProcessLookupError):
                os.kill(self.pid(name), signal.SIGCONT)
            with suppress(AssertionError):
                until(lambda s=service, by=supervisor: _answers(s, by), 20, 0.1)
            control.start([service], supervisor)

    def start(self, *names: str) -> None:
        """Start services that were stopped, and wait until they answer."""
        for name in names:
            service, supervisor = self._services[name]
            control.start([service], supervisor)

    @contextmanager
    def stopped(self, name: str) -> Iterator[None]:
        """The service is down while the block runs."""
        service, supervisor = self._services[name]
        supervisor.stop(service)
        try:
            yield
        finally:
            # a supervisor does not start again what was stopped
            control.start([service], supervisor)

    @contextmanager
    def frozen(self, name: str) -> Iterator[None]:
        """The service takes connections and never answers while the block runs."""
        process = self.pid(name)
        os.kill(process, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(process, signal.SIGCONT)
            self.mend(name)

    def kill_hub(self, meanwhile: Callable[[], object] = lambda: None) -> None:
        """kill -9 the hub, and wait until its successor serves. The supervisor's own pause, which
        grows with each kill soon after a start, is not waited for. `meanwhile` is called as soon as
        the hub is killed."""
        service, supervisor = self._services["hub"]
        with suppress(AssertionError):  # one that does not run is dead already
            killed = self.pid("hub")
            os.kill(killed, signal.SIGKILL)
            meanwhile()
            until(lambda: supervisor.state(service).pid != killed, every=0.05)
        control.start([service], supervisor)

    def rows(self) -> list[dict[str, Any]]:
        """The ledger, the oldest start first; read in a copy."""
        found = _query(self.site.ledger, "SELECT * FROM starts ORDER BY intended")
        return [
            {**row, "job": int(row["job"]) if (row["job"] or "").isdigit() else row["job"]}
            for row in found
        ]

    def token_hashes(self) -> set[str]:
        """The API tokens that the hub would accept, as it stores them."""
        found = _query(self.site.paths.state / "jupyterhub.sqlite", "SELECT hashed FROM api_tokens")
        return {row["hashed"] for row in found}

    def live_jobs(self) -> dict[int, str]:
        """The tags of the site's jobs that wait or run, by number."""
        words = (
            "squeue",
            "--noheader",
            "--states=PD,R,CF,S",
            f"--name={self.site.job_name}",
            "--format=%i %k",
        )
        pairs = (line.split(maxsplit=1) for line in ask(self.site, *words).splitlines())
        tags = {int(number): comment.rsplit(":", 1)[-1] for number, comment in pairs}
        return {number: tag for number, tag in tags.items() if number not in self.strays}

    def process_of(self, job: int) -> int:
        """The process of a job's server."""
        for folder in processes():
            with suppress(OSError):
                given = (folder / "environ").read_bytes()
                if (
                    f"\0SLURM_JOB_ID={job}\0".encode() in b"\0" + given
                    and b"session.server" in (folder / "cmdline").read_bytes()
                ):
                    return int(folder.name)
        raise AssertionError(f"no process of job {job}")

    def token_of(self, job: int) -> str:
        """The API token that a job's server was started with."""
        return environment_of(self.process_of(job))["JUPYTERHUB_API_TOKEN"]

    def token_answers(self, token: str) -> int:
        """The hub's status for a call with this token."""
        headers = {"Authorization": f"token {token}"}
        return httpx.get(
            f"{hub_url(self.site)}/hub/api/user", headers=headers, **self.known
        ).status_code

    @property
    def known(self) -> dict[str, Any]:
        """For httpx: a certificate that the hub takes."""
        return {"verify": client_context(self.site, "culler"), "timeout": 120}

    @contextmanager
    def partition(self, name: str, state: str) -> Iterator[None]:
        """A partition in another state: `down` queues jobs and starts none, `inactive` takes none."""
        ask(self.site, "scontrol", "update", f"PartitionName={name}", f"State={state}")
        try:
            yield
        finally:
            ask(self.site, "scontrol", "update", f"PartitionName={name}", "State=up")


@contextmanager
def changed(path: Path, change: Callable[[str], str]) -> Iterator[None]:
    """A file with another text; its own is put back. The file itself stays, and so do its owner and
    mode."""
    text = path.read_text()
    _write(path, change(text))
    try:
        yield
    finally:
        _write(path, text)


def _write(path: Path, text: str) -> None:
    """Write a file in one step. Programs that read accounts meanwhile would find an empty file
    after a truncation."""
    with path.open("r+b", buffering=0) as file:
        file.write(text.encode())
        file.truncate()


def _answers(service: Service, supervisor: control.Supervisor) -> bool:
    return supervisor.state(service).word == "running" and (
        service.ready is None or service.ready()
    )


def _query(path: Path, statement: str) -> list[dict[str, Any]]:
    """Rows of a database that the hub has open. It is read in a copy, so that no lock and no file
    is left beside it."""
    with copy_of(path) as copy:
        copy.row_factory = sqlite3.Row
        return [dict(row) for row in copy.execute(statement)]
