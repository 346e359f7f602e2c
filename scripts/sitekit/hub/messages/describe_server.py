"""Describe one server of a user for all pages of the hub, and for the hub's REST API.

The description comes from the ledger, the last list of jobs and JupyterHub's memory. No query is
sent to the scheduler or another program.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import timezone
from typing import Any

from ...backends.resource_choice import Choice
from ...backends.start_and_job_records import Job
from ...base.language import gettext as _
from ...base.language import ngettext
from ...site.types.memory_and_time import human_memory, human_time
from ..ledger.ledger import Row
from ..ledger.ledger_measures import Measures
from ..servers.activity_interval_and_stop_delay import stop_delay
from ..servers.server_states import RUNNING_STATES, ServerState, state_of
from ..servers.shared_objects import HubState
from . import progress_text

UNFINISHED = (ServerState.WAITING, ServerState.STARTING)
# If less than this share of a server's time remains, a page offers to start the next server.
NEARLY_OVER = 0.25


@dataclass(frozen=True, kw_only=True)
class ServerModel:
    """Describe one server. Times are in seconds since the epoch, memory is in MiB.

    `name` is "" for the user's default server. `since` is the time when the state began. `ends` is
    the time when the job's time limit is reached. `idle_end` is the time when the server will be
    stopped if nobody uses the server until then. `request_ends` is the time when an unfinished
    start will be cancelled. `phase` and `message` describe the progress of the start. `card` is the
    text about why the server has ended. `options` are the form's values of the last start.
    """

    name: str
    title: str
    state: ServerState
    since: float | None = None
    tier: str = ""
    tier_title: str = ""
    sizes: str = ""
    job: str = ""
    node: str = ""
    time: int = 0
    ends: float | None = None
    memory: int = 0
    cap: int = 0
    used: int | None = None
    idle_limit: int | None = None
    idle_end: float | None = None
    request_ends: float | None = None
    phase: str = ""
    message: str = ""
    ahead: int | None = None
    start: int | None = None
    faster: tuple[Mapping[str, Any], ...] = ()
    card: Mapping[str, Any] | None = None
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def active(self) -> bool:
        """Return whether the server exists, or is being started or stopped."""
        return self.state not in (ServerState.NONE, ServerState.ENDED)

    @property
    def left(self) -> float | None:
        """Return how many seconds remain until the job's time limit; None if this is not known."""
        return self.ends - time.time() if self.ends else None

    @property
    def next_end(self) -> tuple[float, str] | None:
        """Return the time when the server will end if nobody uses the server, and the reason
        ("time" or "idle"). Return None if the time is not known."""
        ends = [(at, why) for at, why in ((self.ends, "time"), (self.idle_end, "idle")) if at]
        return min(ends, default=None)

    @property
    def nearly_over(self) -> bool:
        """Return whether less than NEARLY_OVER (a quarter) of a server's time remains."""
        return self.left is not None and self.left < NEARLY_OVER * self.time

    @property
    def memory_text(self) -> str:
        """Return the memory that the server uses, and its limit."""
        limit = human_memory(self.cap)
        if self.used is None:
            return _("up to {limit}", limit=limit)
        return _("{used} of {limit}", used=human_memory(self.used), limit=limit)

    @property
    def memory_share(self) -> int | None:
        """Return how many percent of its memory limit the server uses; None if the server has not
        reported its memory."""
        if self.used is None or not self.cap:
            return None
        return min(100, round(100 * self.used / self.cap))

    def as_dict(self) -> dict[str, Any]:
        """Return the description as a dictionary, which the REST API sends as JSON."""
        return {**asdict(self), "memory_text": self.memory_text}


def describe(hub_state: HubState, user: Any, name: str) -> ServerModel:
    """Describe the server of this name. `user` is JupyterHub's object for the user."""
    stored, spawner = user.orm_user.orm_spawners.get(name), user.spawners.get(name)
    row = hub_state.ledger.last_start(user.name, name)
    own: dict[str, Any] = {
        "name": name,
        "title": str((stored.display_name if stored else "") or name),
        "options": form_values((stored.user_options if stored else None) or {}),
    }
    pending = spawner.pending if spawner else None
    over = row is not None and (row.ended or row.abandoned)
    if row is None or (row.ended and pending == "spawn"):
        return _without_start(own, pending)
    job = hub_state.job_of(row) if not row.ended else None
    state, since = _state(row, job, pending)
    if over and not (spawner and spawner.active):
        state, since = (
            ServerState.ENDED,
            float(over),
        )  # the job may still exist until the reconciler has cancelled it
    return ServerModel(
        **own,
        state=state,
        since=since,
        job=row.job or "",
        node=job.host if job and job.running else "",
        **_of_choice(hub_state, row),
        **(_of_open(hub_state, row, job, stored) if state in RUNNING_STATES else {}),
        **(_of_start(hub_state, row, spawner) if state in UNFINISHED else {}),
        card=hub_state.ledger.last_card(user.name, name) if state is ServerState.ENDED else None,
    )


def describe_all(hub_state: HubState, user: Any) -> list[ServerModel]:
    """Describe all servers of a user, the default server first."""
    names = sorted(name for name in user.orm_user.orm_spawners if name)
    return [describe(hub_state, user, name) for name in ("", *(names if _may_name(user) else ()))]


def _may_name(user: Any) -> bool:
    return bool(user.allow_named_servers)


def form_values(options: Mapping[str, Any]) -> dict[str, str]:
    """Return the stored options of a server as values of the start form; {} without stored options.

    In the form, a tier's fields are named `KEY.field`.
    """
    tier = str(options.get("profile", ""))
    if not tier:
        return {}
    fields = {f"{tier}.{key}": str(value) for key, value in options.items() if key != "profile"}
    return {"tier": tier, **fields}


def _without_start(own: dict[str, Any], pending: str | None) -> ServerModel:
    """Describe a server whose start is not yet in the ledger, or that was never started."""
    if pending != "spawn":
        return ServerModel(**own, state=ServerState.NONE)
    first = progress_text.FIRST
    return ServerModel(
        **own,
        state=ServerState.WAITING,
        phase=str(first["phase"]),
        message=_(str(first["message"])),
    )


def _state(row: Row, job: Job | None, pending: str | None) -> tuple[ServerState, float]:
    """Return the state of a server that is in the ledger, and the time since which the server has
    this state."""
    if row.ended:
        return ServerState.ENDED, row.ended
    state, since = state_of(row, job)
    if pending == "stop":
        return ServerState.STOPPING, since
    if state is ServerState.RUNNING and pending == "spawn":
        return ServerState.STARTING, row.intended
    return state, since


def _of_choice(hub_state: HubState, row: Row) -> dict[str, Any]:
    """Return the fields of ServerModel that follow from the tier and the resources that the user
    has chosen."""
    choice = Choice.from_dict(row.choice)
    return {
        "tier": choice.tier,
        "tier_title": choice.title,
        "sizes": sizes_of(choice),
        "time": choice.time,
        "memory": choice.memory,
        "cap": choice.cap,
        "idle_limit": idle_limit_of(hub_state, choice),
    }


def idle_limit_of(hub_state: HubState, choice: Choice) -> int | None:
    """Return the idle limit (in seconds) that the culler applies to a server; None if the culler
    never stops the server."""
    try:
        return hub_state.tier(choice.tier).idle
    except KeyError:
        return choice.idle


def _of_open(hub_state: HubState, row: Row, job: Job | None, stored: Any) -> dict[str, Any]:
    """Return the fields of ServerModel with the memory of a running server, and with the times when
    the server ends."""
    choice = Choice.from_dict(row.choice)
    begun = (job.start if job else None) or row.listening or row.intended
    limit, idle_end = idle_limit_of(hub_state, choice), None
    if limit is not None:
        seen = stored.last_activity if stored else None
        used = seen.replace(tzinfo=timezone.utc).timestamp() if seen else 0.0
        idle_end = max(used, row.listening or 0.0) + limit + stop_delay(limit)
    measures = hub_state.ledger.measures(row.tag) or Measures()
    return {
        "ends": getattr(job, "end", None) or begun + choice.time,  # only Slurm's jobs have an end
        "idle_end": idle_end,
        "used": measures.memory,
    }


def _of_start(hub_state: HubState, row: Row, spawner: Any) -> dict[str, Any]:
    """Return the fields of ServerModel with the progress of a start, and the time when an
    unfinished start will be cancelled."""
    event = progress_text.event(hub_state, row.tag, getattr(spawner, "offered", None))
    try:
        patience = hub_state.tier(str(row.choice.get("tier", ""))).start_timeout
    except KeyError:  # the tier was removed after this start
        patience = None
    return {
        "phase": event["phase"],
        "message": event["message"],
        "ahead": event.get("ahead"),
        "start": event.get("start"),
        "faster": tuple(event.get("faster", ())),
        "request_ends": row.intended + patience if patience else None,
    }


def sizes_of(choice: Choice) -> str:
    """Return the resources of a choice in one line, such as "1.5 GB of memory, 1 CPU, 4 hours"."""
    cap, guaranteed = human_memory(choice.cap), human_memory(choice.memory)
    memory = _("{cap} of memory", cap=cap)
    if choice.cap > choice.memory:
        memory = _("{cap} of memory, {guaranteed} of it guaranteed", cap=cap, guaranteed=guaranteed)
    parts = [memory, ngettext("1 CPU", "{count} CPUs", choice.cpus * choice.tasks)]
    if choice.gpus:
        parts.append(ngettext("1 GPU", "{count} GPUs", choice.gpus))
    if choice.nodes > 1:
        nodes = ngettext("1 node", "{count} nodes", choice.nodes)
        parts = [nodes, *(_("{part} each", part=part) for part in parts)]
    if choice.image:
        parts.append(_("image {name}", name=choice.image))
    return ", ".join([*parts, human_time(choice.time)])
