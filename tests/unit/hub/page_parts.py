"""Parts of the tests of the hub's pages: a hub with a real ledger, a user, and templates."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jinja2
from slurm_parts import job

from sitekit.backends.resource_choice import Choice
from sitekit.backends.slurm.parse_jobs import SlurmJob
from sitekit.backends.start_and_job_records import Wait
from sitekit.base.data_files import data
from sitekit.base.language import Translated
from sitekit.hub.ledger.ledger import Ledger
from sitekit.hub.messages.describe_server import ServerModel, describe
from sitekit.hub.pages.describe_servers import template_variables
from sitekit.site import load_site

SITE = load_site(data("config/sites/demo.yml"))
BLOCKS = ("title", "stylesheet", "nav_bar_left_items", "announcement", "main", "footer", "script")


class Hub:
    """The hub of the demo site: a ledger, jobs by tag, and when a new server of a tier starts."""

    site = SITE
    outage = False

    def __init__(self, folder: Path) -> None:
        self.ledger = Ledger(folder / "ledger.sqlite")
        self.jobs: dict[str, SlurmJob] = {}
        self.starts: dict[str, int] = {}
        self.waits = Wait("The nodes are full.", "jupyter-short")
        queue = SimpleNamespace(silent_since=None, title="Slurm")
        self.backends = {
            "slurm": SimpleNamespace(
                title="Slurm",
                queue=queue,
                wait=lambda _job: self.waits,
                expected_start=lambda key: self.starts.get(key),
            )
        }
        stored = SimpleNamespace(display_name="", user_options={}, last_activity=None)
        self.spawner = SimpleNamespace(pending=None, active=False, offered=None)
        orm = SimpleNamespace(orm_spawners={"": stored})
        self.user = SimpleNamespace(
            name="alice",
            escaped_name="alice",
            orm_user=orm,
            orm_spawners=orm.orm_spawners,
            spawners={"": self.spawner},
            allow_named_servers=True,
            server_url=lambda name: f"/user/alice/{name}",
        )

    def tier(self, key: str) -> Any:
        return SITE.tier(key)

    def job_of(self, row: Any) -> SlurmJob | None:
        return self.jobs.get(row.tag)

    def backend_of(self, _row: Any) -> Any:
        return self.backends["slurm"]

    def start(self, tier: str = "small", name: str = "", **job_fields: Any) -> str:
        """Record a start whose job waits, unless the fields of the job say otherwise."""
        fields = {"state": "PENDING", "host": "", "start": None, **job_fields}
        tag = self.ledger.record_intent("alice", name, None, Choice.of(SITE.tier(tier)).as_dict())
        self.ledger.record_job(tag, "12")
        self.jobs[tag] = job(12, tag=tag, **fields)
        self.user.orm_user.orm_spawners.setdefault(
            name, SimpleNamespace(display_name=name, user_options={}, last_activity=None)
        ).user_options = {"profile": tier}
        self.spawner.active, self.spawner.pending = True, "spawn"
        return tag

    def run(self, tier: str = "small", left: int = 7200, **more: Any) -> str:
        """Record a server that runs, and how many seconds of its time are left."""
        now = int(time.time())
        tag = self.start(tier, state="RUNNING", host="n1", start=now - 60, end=now + left, **more)
        self.ledger.record_port(tag, 20001)
        self.spawner.pending = None
        return tag

    def fail(self, tag: str, **card: Any) -> None:
        """Record the end of a server with a card."""
        told = {"kind": "memory", "what": "It ran out of memory.", "remedy": "Take more."}
        self.ledger.end(tag, {**told, "figures": {"job": "12"}, "lines": [], **card})
        self.spawner.active, self.spawner.pending = False, None

    def used_at(self, at: float) -> None:
        """Record when JupyterHub saw the last activity of the default server."""
        seen = datetime.fromtimestamp(at, timezone.utc).replace(tzinfo=None)
        self.user.orm_user.orm_spawners[""].last_activity = seen

    def server(self, name: str = "") -> ServerModel:
        return describe(self, self.user, name)

    def page(self, name: str, **words: Any) -> str:
        """Render a template in a frame that has JupyterHub's blocks, with the hub's variables."""
        frame = "".join(f"{{% block {name} %}}{{% endblock {name} %}}" for name in BLOCKS)
        inner = "{% extends 'page.html' %}{% block main %}{% block message %}upstream's text"
        inner += "{% endblock message %}{% block start_button %}{% endblock %}{% endblock main %}"
        upstream = {f"templates/{page}.html": inner for page in ("home", "spawn_pending")}
        upstream |= {"templates/not_running.html": inner, "templates/page.html": frame}
        ours = jinja2.FileSystemLoader(data("config/templates"))
        loader = jinja2.ChoiceLoader([jinja2.DictLoader(upstream), ours])
        environment = jinja2.Environment(loader=loader, autoescape=True, extensions=[Translated])
        given = {key: made(self.user) for key, made in template_variables(self).items()}
        given |= {"user": self.user, "xsrf": "token-of-the-form", "base_url": "/hub/"}
        given |= {"site_pages": SITE.pages, "site_title": SITE.title, "parsed_scopes": {}}
        return environment.get_template(name).render({**given, **words})
