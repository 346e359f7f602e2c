"""Collect the state of a site for `make status` and `make top`, also while the hub is stopped.

The data about servers has the same form as on the hub's status page (hub/status/collect_state.py).
This data comes from the ledger (the hub's record of starts) and from one query of each backend, and
not from the running hub.
"""

from __future__ import annotations

import asyncio
import pwd
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from ...backends.interface import Backend
from ...backends.load_backends import backends_of
from ...backends.refresh_snapshot import Snapshot
from ...backends.start_and_job_records import Job, NoAnswer, Phase, Refused
from ...base.errors import Problem, as_problem
from ...base.run_program import acting_as
from ...hub.ledger.ledger_measures import Start, ended_starts, open_starts
from ...hub.servers.server_states import ServerState
from ...hub.status.collect_state import DAY, describe_site
from ...hub.status.poll_kernels_and_release import read_prefix
from ...hub.status.summarize_servers import OpenServer, describe_server
from ...machine.host import sqlite
from ...machine.run.status_overview import overview
from ...machine.web.certificate_expiry import days_left
from ...site import Site
from ..doctor.context import choose_user
from ..upgrade.releases_in_use import release_users
from .hub_drains import missing_nodes, read_drains
from .hub_figures import hub_figures

Value = TypeVar("Value")
STATE_OF_PHASE = {
    Phase.PENDING: ServerState.WAITING,
    Phase.RUNNING: ServerState.RUNNING,
    Phase.SUSPENDED: ServerState.SUSPENDED,
    Phase.UNKNOWN: ServerState.RUNNING,
}
"""The state of a server for each phase of its job. `make status` uses this table only if the ledger
cannot be read."""


@dataclass
class Sight:
    """The parts of the status that could not be read: name of the part -> reason."""

    unseen: dict[str, str] = field(default_factory=dict)

    def look(self, subject: str, ask: Callable[[], Value]) -> Value | None:
        """Return the result of the function `ask`. If `ask` fails, record the reason under
        `subject` (a part of the status), and return None."""
        try:
            return ask()
        except PermissionError:
            self.unseen[subject] = "only root can look at it"
        except (Problem, OSError) as trouble:
            self.unseen[subject] = as_problem(trouble).what
        except (NoAnswer, Refused, KeyError) as trouble:
            self.unseen[subject] = str(trouble) or type(trouble).__name__
        return None


def collect(site: Site) -> dict[str, Any]:
    """Return the whole state of the site as a dictionary that can be printed as JSON. The function
    changes nothing."""
    sight = Sight()
    record = {
        "overview": sight.look("services", lambda: [one._asdict() for one in overview(site)]) or [],
        **collect_servers(site, sight),
        **_drains(site, sight),
        "hub": sight.look("hub", lambda: hub_figures(site)) or {},
        "certificates": _certificates(site, sight),
        "disks": _disks(site, sight),
    }
    answers = all(one["answers"] for one in record["backends"].values())
    if answers:  # release_users() also queries the backends
        uses = sight.look("releases", lambda: release_users(site))
        record["releases"] = uses.certain if uses else {}
        sight.unseen |= uses.unseen if uses else {}
    else:
        sight.unseen["releases"] = "the servers' releases are known only when the backends answer"
    return {**record, "unseen": sight.unseen}


def collect_servers(site: Site, sight: Sight) -> dict[str, Any]:
    """Return the part of the state that `make top` shows. Each backend is queried once."""
    backends = sight.look("backends", lambda: backends_of(site, lambda _: ())) or {}
    asked = {name: _ask(backend, name, sight) for name, backend in backends.items()}
    jobs = {name: found for name, (found, _) in asked.items()}
    starts = sight.look("ledger", lambda: _starts(site))
    if starts is None:
        servers = _servers_of_jobs(backends, jobs)
    else:
        servers = [_describe(start, backends, jobs) for start in starts[0]]
    ended = starts[1] if starts else None
    answers = {name: told for name, (_, told) in asked.items()}
    return {
        **describe_site(site, servers, ended, answers, read_prefix(site)),
        "unseen": sight.unseen,
    }


def _ask(backend: Backend, name: str, sight: Sight) -> tuple[list[Job], dict[str, Any]]:
    """Return a backend's jobs, and a dictionary that says whether the backend has answered, and in
    how many seconds."""
    begun = time.monotonic()
    jobs = sight.look(name, lambda: list(asyncio.run(backend.list_jobs())))
    seconds = round(time.monotonic() - begun, 3)
    if jobs is None:
        trouble = sight.unseen[name]
        return [], {"answers": False, "trouble": trouble, "answer_seconds": seconds}
    return jobs, {"answers": True, "trouble": "", "answer_seconds": seconds}


def _starts(site: Site) -> tuple[list[Start], list[Start]]:
    """Read the ledger. Return the starts that have not ended, and the starts that ended within the
    last day.

    The function opens the ledger with the rights of the hub's account. With the rights of root,
    SQLite could create files beside the ledger that the hub cannot write. Raises Problem, OSError
    or KeyError.
    """
    hub = pwd.getpwnam(site.hub.user)
    if not site.ledger.exists():
        raise Problem("there is no ledger: the hub's first start makes it", str(site.ledger))
    with acting_as(hub.pw_uid, hub.pw_gid), sqlite.open_database(site.ledger) as ledger:
        return open_starts(ledger), ended_starts(ledger, time.time() - DAY)


def _describe(start: Start, backends: dict[str, Backend], jobs: dict[str, list[Job]]) -> OpenServer:
    """Return the status data of one server, from its start in the ledger and its job."""
    row = start[0]
    snapshot = Snapshot({job.id: job for job in jobs.get(row.backend, ())}, 0.0)
    backend = backends.get(row.backend)
    explain = backend.explain_reason if backend else lambda _: ""
    return describe_server(start, snapshot.job_of(row), explain)


def _servers_of_jobs(backends: dict[str, Backend], jobs: dict[str, list[Job]]) -> list[OpenServer]:
    """Return the status data of servers, from the jobs whose comment contains the tag of a server.
    Any user can submit a job with such a comment.

    The tier and the memory are missing, because only the ledger has them.
    """
    return [
        OpenServer(
            user=job.user,
            name="",
            tier="",
            state=STATE_OF_PHASE[job.phase],
            since=float(job.start or 0),
            backend=name,
            job=job.id,
            partition=getattr(job, "partition", ""),
            node=job.host,
            why=backends[name].explain_reason(job) if job.pending else "",
        )
        for name, found in jobs.items()
        for job in found
        if job.tag and job.phase in STATE_OF_PHASE
    ]


def _drains(site: Site, sight: Sight) -> dict[str, Any]:
    """Return the drained nodes and partitions, and the drained nodes that the cluster no longer
    has."""
    found = sight.look("drains", lambda: read_drains(site)) or []
    backends = sight.look("backends", lambda: backends_of(site, lambda _: ())) or {}
    missing = sight.look("drained nodes", lambda: missing_nodes(found, backends.values())) or []
    return {"drains": [{**one, "gone": one["name"] in missing} for one in found]}


def _certificates(site: Site, sight: Sight) -> dict[str, float]:
    """Return the number of days until each certificate expires: name -> days. The function reads
    the certificates that the web server and, with internal TLS, the proxy present now."""
    ports: dict[str, tuple[int, str | None]] = {"front": (site.front.port, site.front.host)}
    if site.internal_tls:
        ports["internal"] = (site.proxy.api_port, None)
    found = {
        name: sight.look(f"certificate {name}", lambda where=where: days_left(*where))  # type: ignore[misc]
        for name, where in ports.items()
    }
    return {name: round(days, 1) for name, days in found.items() if days is not None}


def _disks(site: Site, sight: Sight) -> dict[str, dict[str, Any]]:
    """Return path, size and free space in bytes of the filesystems that contain the prefix, the
    state folder and the homes."""
    places = {"prefix": site.paths.prefix, "state": site.paths.state}
    if user := choose_user(site):
        places["homes"] = Path(pwd.getpwnam(user).pw_dir)
    found: dict[str, dict[str, Any]] = {}
    for name, path in places.items():
        usage = sight.look(f"disk of {name}", lambda path=path: shutil.disk_usage(path))  # type: ignore[misc]
        if usage is not None:
            found[name] = {"path": str(path), "bytes": usage.total, "free": usage.free}
    return found
