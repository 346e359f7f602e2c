"""Runs in the release's Python, as the hub's account: N servers' spawners, waiting or running, as a
hub has them.

It is given as text (`python -c`), with its settings as JSON on the first line of standard input,
and ends with that. The jobs exist already; all but their submission is the released code: start()
and progress() for those who wait, and JupyterHub's own periodic poll for those that run.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import traceback
from pathlib import Path


def people(settings, spawner_class, config):
    """N spawners of real JupyterHub users, in a database in memory."""
    from jupyterhub import orm
    from jupyterhub.auth import DummyAuthenticator
    from jupyterhub.objects import Hub
    from jupyterhub.user import User

    db = orm.new_session_factory("sqlite:///:memory:")()
    shared = {
        "config": config,
        "spawner_class": spawner_class,
        "allow_named_servers": True,
        "hub": Hub(ip="127.0.0.1", port=9, base_url="/hub/"),
        "authenticator": DummyAuthenticator(),
        "base_url": "/",
    }
    users = {}
    for name in settings["users"]:
        db.add(orm.User(name=name))
        db.commit()
        users[name] = User(db.query(orm.User).filter_by(name=name).one(), shared, db)
    for number, (job, name) in enumerate(settings["jobs"]):
        spawner = users[name].get_or_create_spawner(f"s{number}", "")
        spawner.clear_state()  # as JupyterHub does before each start
        yield spawner, job


async def wait_for(spawner):
    """A start that does not end, and the progress page of the one who waits for it."""
    start = asyncio.ensure_future(spawner.start())
    await asyncio.sleep(0.1)  # JupyterHub asks for progress once start() has begun
    async for _ in spawner.progress():
        if start.done():
            start.result()


def ours(settings):
    """Spawners of the kit, with its queue snapshot and its forecast."""
    from traitlets.config import Config

    from sitekit.backends.resource_choice import Choice
    from sitekit.backends.slurm import transport
    from sitekit.hub.servers.shared_objects import HubState
    from sitekit.hub.spawner.accept_batchspawner_settings import SlurmServer
    from sitekit.hub.spawner.tier_spawner import TierSpawner
    from sitekit.site import load_site

    transport.SUDO = settings["sudo"]
    hub_state = TierSpawner.hub_state = SlurmServer.hub_state = HubState(
        load_site(Path(settings["site"]))
    )
    loops = hub_state.backends["slurm"].loops()
    # it asks nothing then; held jobs that stand for running ones would stir it
    if settings["state"] != "waiting":
        del loops["forecast"]
    tasks = [asyncio.ensure_future(run()) for run in loops.values()]
    choice = Choice.of(hub_state.site.tiers[0])
    config = Config()
    config.Spawner.poll_interval = 60
    numbers = {}

    async def submitted(self):
        hub_state.ledger.record_job(self.tag, str(numbers[self.name]))
        self.job_id = str(numbers[self.name])
        self.persist()
        return self.job_id

    SlurmServer.submit = submitted
    for spawner, job in people(settings, TierSpawner, config):
        numbers[spawner.name] = job
        if settings["state"] == "waiting":
            spawner.choice = choice
            tasks.append(asyncio.ensure_future(wait_for(spawner)))
        else:
            tag = hub_state.ledger.record_intent(
                spawner.user.name, spawner.name, None, choice.as_dict()
            )
            hub_state.ledger.record_job(tag, str(job))
            hub_state.ledger.record_port(tag, 20000)
            spawner.load_state({"child_state": {"tag": tag, "job_id": str(job)}})
            spawner.start_polling()
            tasks.append(spawner)
    return tasks


def upstream(settings):
    """Released ProfilesSpawner and SlurmSpawner with sudo and their default intervals; only
    squeue's path is set."""
    from batchspawner import SlurmSpawner
    from traitlets.config import Config
    from wrapspawner import ProfilesSpawner

    config = Config()
    config.ProfilesSpawner.profiles = [("Small", "small", SlurmSpawner, {"req_memory": "300M"})]
    config.SlurmSpawner.batch_query_cmd = f"{settings['bin']}/squeue -h -j {{job_id}} -o '%T %B'"
    numbers = {}

    async def submitted(self):
        self.job_id = str(numbers[self.orm_name])
        return self.job_id

    SlurmSpawner.submit_batch_script = submitted
    tasks = []
    for spawner, job in people(settings, ProfilesSpawner, config):
        spawner.user_options = {"profile": "small"}
        spawner.construct_child()
        # released wrapspawner hands the child no name
        spawner.child_spawner.orm_name = spawner.name
        numbers[spawner.name] = job
        if settings["state"] == "waiting":
            tasks.append(asyncio.ensure_future(wait_for(spawner)))
        else:
            spawner.child_spawner.job_id = str(job)
            spawner.start_polling()
            tasks.append(spawner)
    return tasks


async def measure_lag(lags):
    """How much later than wanted the event loop runs a task, in seconds, 50 times a second."""
    loop = asyncio.get_running_loop()
    while True:
        wanted = loop.time() + 0.02
        await asyncio.sleep(0.02)
        lags.append(loop.time() - wanted)


async def watch():
    settings = json.loads(sys.stdin.readline())
    held = {"ours": ours, "upstream": upstream}[settings["side"]](settings)
    await asyncio.sleep(settings["warm_up"])
    for task in held:  # a watcher that failed would make the rest look cheap
        if isinstance(task, asyncio.Future) and task.done():
            task.result()
    print("watching", flush=True)
    lags = []
    measuring = asyncio.ensure_future(measure_lag(lags))
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    measuring.cancel()
    starts = sum(isinstance(task, asyncio.Future) and task.done() for task in held)
    polls = sum(
        not isinstance(task, asyncio.Future) and task._poll_callback is None for task in held
    )
    lags.sort()
    p99, most = (round(1000 * lags[int(part * (len(lags) - 1))], 1) for part in (0.99, 1))
    print(json.dumps({"ended": starts + polls, "p99": p99, "most": most}), flush=True)


async def main():
    """Ends the process at once: hundreds of starts that wait need not be undone one by one."""
    code = 1
    try:
        await watch()
        code = 0
    except Exception:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


asyncio.run(main())
