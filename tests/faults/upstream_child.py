"""Run in the release's own Python by test_upstream: a SlurmServer with a real ledger and a snapshot
made by hand.

Arguments: the site file, a folder for the ledger. Prints what batchspawner's methods and traits
say, as JSON.
"""

from __future__ import annotations

import asyncio
import json
import logging
import pwd
import sys
import threading
import time
import warnings
from io import StringIO
from pathlib import Path
from typing import Any

from batchspawner import BatchSpawnerBase, JobStatus
from jupyterhub import orm
from jupyterhub.user import User
from traitlets.config import Config

from sitekit.backends.refresh_snapshot import Snapshot
from sitekit.backends.slurm import gate_client
from sitekit.backends.slurm.parse_jobs import SlurmJob, phase_of
from sitekit.hub.choices.check_choice import read_choice
from sitekit.hub.messages.failed_start_cards import Card
from sitekit.hub.servers.shared_objects import HubState
from sitekit.hub.spawner.accept_batchspawner_settings import SlurmServer
from sitekit.hub.spawner.look_up_unix_accounts import groups_of
from sitekit.hub.spawner.not_started import NotStarted
from sitekit.hub.spawner.tier_spawner import TierSpawner
from sitekit.site import load_site

STATES = [
    "PENDING",
    "CONFIGURING",
    "RUNNING",
    "SUSPENDED",
    "COMPLETING",
    "TIMEOUT",
    "CANCELLED",
    "NEWEST_STATE",
]


async def main(site_file: Path, folder: Path) -> dict[str, Any]:
    site = load_site(site_file)
    hub_state = HubState(
        site.model_copy(update={"paths": site.paths.model_copy(update={"state": folder})})
    )
    SlurmServer.hub_state = hub_state
    return {
        "states": {state: await said_of(hub_state, state) for state in STATES},
        "own regexes": await said_of(
            hub_state,
            "RUNNING",
            state_pending_re="^NOTHING",
            state_exechost_re=r"\s+(\w+)$",
            state_exechost_exp=r"\1.fabric",
        ),
        "traits": figures(hub_state),
        "silence": await silence(hub_state),
        "patience": await patience(hub_state),
        "directory": await directory(hub_state),
        "handed": handed(hub_state),
        "first event": await first_event(hub_state),
        "ancestor": issubclass(SlurmServer, BatchSpawnerBase),
    }


def owner() -> dict[str, Any]:
    """What JupyterHub tells a spawner of its user, with a database of its own behind it."""
    db = orm.new_session_factory("sqlite:///:memory:")()
    person = orm.User(name="alice")
    db.add(person)
    kept = orm.Spawner(name="", user=person)
    db.add(kept)
    db.commit()
    return {"user": User(person, {}, db), "orm_spawner": kept, "hub": None}


def server(hub_state: HubState, **settings: Any) -> SlurmServer:
    child = SlurmServer(**owner(), config=Config({"SlurmServer": settings}))
    child.api_token = "a token that no database knows"
    child.persist = lambda: None
    child.choice, _ = read_choice(hub_state.site, {"tier": "small"})
    child.get_env = dict
    return child


def listed(hub_state: HubState, child: SlurmServer, state: str, job: int = 77) -> None:
    """The queue snapshot: one job, the child's, in this state."""
    child.tag = hub_state.ledger.record_intent("alice", "", None, child.choice.as_dict())
    hub_state.ledger.record_job(child.tag, str(job))
    show(hub_state, job, child.tag, state, "demo1", "None")


def show(hub_state: HubState, number: int, tag: str, state: str, host: str, reason: str) -> None:
    """The queue snapshot: this one job, alice's."""
    row = hub_state.ledger.row(tag)
    job = SlurmJob(
        id=str(number),
        uid=row.uid,
        user="alice",
        phase=phase_of(state),
        state=state,
        host=host,
        start=None,
        tag=tag,
        partition="jupyter-short",
        end=None,
        priority=1,
        reason=reason,
    )
    queue = hub_state.backends["slurm"].queue
    queue.snapshot = Snapshot({job.id: job}, time.monotonic(), time.time())
    queue.silent_since = None


async def said_of(hub_state: HubState, state: str, **settings: Any) -> dict[str, Any]:
    child = server(hub_state, **settings)
    listed(hub_state, child, state)
    status = await child.query_job_status()
    running = bool(child.state_isrunning())
    return {
        "status": status.name,
        "pending": bool(child.state_ispending()),
        "running": running,
        "host": child.state_gethost() if running else None,
        # COMPLETING is running to batchspawner's regex, and has ended all the same: nobody asks
        # where it is
        "address": await asyncio.wait_for(child._host(), 60)
        if running and status == JobStatus.RUNNING
        else None,
        "job_id": child.job_id,
        "job_status": child.job_status,
    }


def figures(hub_state: HubState) -> dict[str, str]:
    child = server(hub_state, req_prologue="module load site", req_options="--exclusive")
    child.set_limits()
    return {key: value for key, value in child.get_req_subvars().items() if isinstance(value, str)}


async def silence(hub_state: HubState) -> dict[str, Any]:
    """What is said of a live server when the scheduler has never answered this hub, and of one
    whose poll fails."""
    child = server(hub_state)
    listed(hub_state, child, "RUNNING")
    queue = hub_state.backends["slurm"].queue
    queue.snapshot = Snapshot({}, float("-inf"))
    queue.silent_since = time.time()
    told = {"unknown": (await child.query_job_status()).name, "poll": await child.poll()}
    child.job = None
    return {**told, "failing poll": await child.poll()}


async def patience(hub_state: HubState) -> dict[str, Any]:
    """A start that lasts longer than its tier allows: the card that is told and the one that is
    kept."""
    child = server(hub_state)
    child.start_timeout = 1

    async def accepted(*_: object) -> str:
        show(hub_state, 78, child.tag, "PENDING", "", "Resources")
        return "78"

    gate_client.submit = accepted
    try:
        await child.start()
    except NotStarted as failure:
        card: Card = failure.card
        row = hub_state.ledger.row(child.tag)
        return {
            "told": card.kind,
            "what": card.what,
            "kept": row.card["kind"],
            "abandoned": bool(row.abandoned),
        }
    return {}


async def directory(hub_state: HubState) -> dict[str, Any]:
    """A start while the directory of accounts knows nobody, and in whose threads it was asked."""
    asked: list[bool] = []

    def knows_nobody(name: str) -> None:
        asked.append(threading.current_thread() is threading.main_thread())
        raise KeyError(name)

    real, pwd.getpwnam = pwd.getpwnam, knows_nobody
    try:
        told = await patience(hub_state)
        return {
            "asked in the event loop": asked,
            "start": told["told"],
            "groups": await groups_of("alice"),
        }
    finally:
        pwd.getpwnam = real


async def first_event(hub_state: HubState) -> str:
    """What a progress page reads that opens before the child is made."""
    TierSpawner.hub_state = hub_state
    spawner = TierSpawner(**owner(), config=Config(), authenticator=None, oauth_client_id="x")
    event = await asyncio.wait_for(anext(spawner.progress()), 60)
    return str(event["message"])


def handed(hub_state: HubState) -> list[str]:
    """What traitlets and JupyterHub complain of when TierSpawner makes its child."""
    TierSpawner.hub_state = hub_state
    spawner = TierSpawner(**owner(), config=Config(), authenticator=None, oauth_client_id="x")
    said = StringIO()
    spawner.log.addHandler(logging.StreamHandler(said))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        spawner.construct_child()
    return [*(str(one.message) for one in caught), *said.getvalue().splitlines()]


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2])))))
