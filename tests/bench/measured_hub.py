"""A hub of the bench's own, with its proxy: it is started, and its pages are measured."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from sitekit.base.run_program import identity
from sitekit.site import Site

from .common import CHECKOUT, Bench, ended, memory, secret
from .counting import Counter

PAGES = {"home": ("running", "/hub/home"), "form": ("stopped", "/hub/spawn"),
         "waiting": ("waiting", "/hub/spawn-pending/{name}")}  # fmt: skip
TIMES, WARM = 60, 5
"""Requests of each page that are measured, and requests before them."""


@dataclass
class People:
    """Users by the state of their server: (number of the job, name, uid)."""

    running: list[tuple[int, str, int]]
    waiting: list[tuple[int, str, int]]
    stopped: list[tuple[int, str, int]]

    @property
    def all(self) -> list[tuple[int, str, int]]:
        return [*self.running, *self.waiting, *self.stopped]


class Hub:
    """A hub of the bench's own, with its proxy."""

    def __init__(
        self,
        bench: Bench,
        site: Site,
        folder: Path,
        counter: Counter,
        cookies: dict[str, str],
        people: People,
    ) -> None:
        self.bench, self.site, self.folder = bench, site, folder
        self._cookies, self._people = cookies, people
        self._environment = {
            "PATH": f"{counter.bin}:{site.current}/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "HOME": str(site.paths.state),
            "SLURM_CONF": str(bench.site.slurm.conf),
            "CONFIGPROXY_AUTH_TOKEN": secret(),
        }
        config = site.paths.state / "jupyterhub_config.py"
        config.write_bytes((CHECKOUT / "config/jupyterhub_config.py").read_bytes())
        (site.paths.state / "local.d").mkdir()
        lag = (CHECKOUT / "tests/bench/hub_lag.py").read_bytes()
        (site.paths.state / "local.d/lag.py").write_bytes(lag)
        self.url = f"http://127.0.0.1:{site.proxy.port}"

    @contextmanager
    def proxy(self) -> Iterator[None]:
        """The proxy of the release, while the block runs."""
        own = self.site.proxy
        words = ["--ip=127.0.0.1", f"--port={own.port}", "--api-ip=127.0.0.1"]
        words += [
            f"--api-port={own.api_port}",
            f"--default-target=http://127.0.0.1:{self.site.hub.port}",
        ]
        program = str(self.site.current / "bin/configurable-http-proxy")
        with process_of([program, *words], self.folder / "proxy.log", env=self._environment):
            _until(lambda: _status(f"{self.url}/") != 0, 30, self.folder / "proxy.log")
            yield

    @contextmanager
    def started(self) -> Iterator[tuple[psutil.Process, dict[str, float]]]:
        """The hub's process while the block runs, and the seconds, and seconds of CPU, until it was
        healthy and until it had found all running servers."""
        log = self.folder / "hub.log"
        argv = [
            str(self.site.current / "bin/jupyterhub"),
            "-f",
            f"{self.site.paths.state}/jupyterhub_config.py",
        ]
        held = log.stat().st_size if log.exists() else 0
        begun = time.monotonic()
        account = identity(self.site.hub.user)
        with process_of(
            argv, log, env=self._environment, cwd=self.site.paths.state, **account
        ) as hub:
            health = f"http://127.0.0.1:{self.site.hub.port}/hub/health"
            _until(lambda: _status(health) == 200, 180, log, hub)
            process = psutil.Process(hub.pid)
            told = {"healthy s": time.monotonic() - begun, "healthy CPU s": _cpu(process)}
            _until(lambda: self._answering() >= len(self._people.running), 300, log, hub)
            told |= {"all s": time.monotonic() - begun, "all CPU s": _cpu(process)}
            # the hub adds the routes that the proxy lacks: an idle hub has none to add, and the
            # proxy of a hub that is restarted has all
            _until(lambda: self._routes() >= len(self._people.running), 300, log, hub)
            # after its start, the hub looks up the accounts of all known users
            _until(lambda: b" users in the database " in log.read_bytes()[held:], 300, log, hub)
            yield process, {key: round(value, 2) for key, value in told.items()}

    def _answering(self) -> int:
        """How many servers the hub has found running, by its own word."""
        return int(self._lag(measure=False)["ready"])

    def _routes(self) -> int:
        """How many servers have a route in the proxy."""
        headers = {"Authorization": f"token {self._environment['CONFIGPROXY_AUTH_TOKEN']}"}
        url = f"http://127.0.0.1:{self.site.proxy.api_port}/api/routes"
        routes = httpx.get(url, headers=headers, timeout=60).json()
        return sum("user" in route for route in routes.values())

    def figures(self, process: psutil.Process, seconds: float) -> dict[str, Any]:
        """CPU time of the pages, lag, memory, and CPU time while nobody asks."""
        self._lag(measure=False)
        used, begun = _cpu(process), time.monotonic()
        time.sleep(seconds)
        told = {"idle CPU": round((_cpu(process) - used) / (time.monotonic() - begun), 4)}
        self._lag()
        time.sleep(seconds)
        told |= {"idle lag p99 ms": self._lag()["p99"]}
        for page, (state, path) in PAGES.items():
            told[f"{page} ms"] = self._page(process, state, path)
        return told | {"pages lag p99 ms": self._lag()["p99"], "MiB": memory(process)}

    def _page(self, process: psutil.Process, state: str, path: str) -> float:
        """The hub's CPU time for one request of a page, in ms."""
        name = getattr(self._people, state)[0][1]
        cookie = {"jupyterhub-hub-login": self._cookies[state]}
        with httpx.Client(cookies=cookie, timeout=60) as user:
            for number in range(WARM + TIMES):
                if number == WARM:
                    used = _cpu(process)
                answer = user.get(self.url + path.format(name=name))
                assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.headers}"
        return round(1000 * (_cpu(process) - used) / TIMES, 1)

    def _lag(self, *, measure: bool = True) -> dict[str, float]:
        """The lag since the last call. With `measure`, it is measured until the next call."""
        cookie = {"jupyterhub-hub-login": self._cookies["running"]}
        url = f"{self.url}/hub/bench/lag{'?measure=1' if measure else ''}"
        told: dict[str, float] = httpx.get(url, cookies=cookie, timeout=60).json()
        return told


@contextmanager
def process_of(argv: list[str], log: Path, **how: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A program that runs while the block does."""
    with log.open("ab") as out:
        started = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True, **how
        )
    with ended(started):
        yield started


def _status(url: str) -> int:
    """The status of an answer; 0 without an answer."""
    try:
        return httpx.get(url, timeout=5).status_code
    except httpx.HTTPError:
        return 0


def _until(
    holds: Any, seconds: float, log: Path, process: subprocess.Popen[bytes] | None = None
) -> None:
    """Wait until `holds` returns True; ends the program, with the end of the log, if it does not."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline or (process and process.poll() is not None):
            sys.exit(log.read_text()[-4000:])
        time.sleep(0.02)


def _cpu(process: psutil.Process) -> float:
    """Seconds of the processor that the process itself has used."""
    return sum(process.cpu_times()[:2])
