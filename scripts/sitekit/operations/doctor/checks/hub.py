"""Check the hub: its JupyterHub configuration, the proxy's routes, the gate's settings, and the
memory of the hub's process."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from ....base.finding import Finding, warning
from ....base.run_program import CommandFailed, run
from ....contracts.database_url import database_url
from ....contracts.gate_config import gate_config
from ....contracts.internal_tls import hub_url
from ....machine.render.services_of_site import site_services
from ....machine.supervisors.check_services_answer import get, proxy_token
from ..check import Subject
from ..context import Context, Unanswered
from .slurm import on_slurm

subject = Subject("hub", "The hub")

_LOAD = Path(__file__).parents[1] / "inside" / "hub_settings.py"
_SECONDS = 20
_SETTINGS = re.compile(r"_class\b|db_url|load_subconfig")
SPAWNER = "sitekit.hub.spawner.tier_spawner.TierSpawner"
PROXY = "sitekit.hub.overrides.proxy.SilentProxy"


def _is_proven(here: Context) -> bool:
    """Return whether the running hub has loaded the present JupyterHub configuration, and no file
    in config/local.d can change sitekit's classes or the database.

    If the result is True, the checks do not load the configuration again, because loading takes
    seconds.
    """
    etc, state = here.applied.etc, here.states.get("hub")
    if state is None or state.pid is None:
        return False
    begun = psutil.Process(state.pid).create_time()
    extras = sorted((etc / "local.d").glob("*.py"))
    files = (etc / "jupyterhub_config.py", etc / "site.yml", *extras)
    if not all(path.exists() and path.stat().st_mtime < begun for path in files):
        return False
    return not any(_SETTINGS.search(path.read_text(errors="replace")) for path in extras)


def _told(here: Context) -> dict[str, Any]:
    """Return the settings in the hub's JupyterHub configuration that the checks need. Raises
    Unanswered."""
    return here.once("the hub's configuration", lambda: _load(here))


def _load(here: Context) -> dict[str, Any]:
    """Load the hub's configuration in a separate process. Return the settings that the checks need,
    or {"fault": message} if the configuration cannot be loaded."""
    site = here.applied
    hub = next(
        service
        for service in site_services(site, here.platform)
        if service.name == site.service("hub")
    )
    python, conf = site.current / "bin/python", site.etc / "jupyterhub_config.py"
    try:
        done = run(
            [python, "-I", "-c", _LOAD.read_text(), conf],
            user=site.hub.user,
            env={**hub.environment, "CONFIGPROXY_AUTH_TOKEN": "none"},
            cwd=site.paths.state,
            timeout=_SECONDS * here.patience,
        )
    except KeyError:
        raise Unanswered(f"there is no account {site.hub.user}") from None
    except CommandFailed as failed:
        if "did not end" in failed.what:
            raise Unanswered("JupyterHub's programs did not load in time") from None
        last = (failed.output.strip().splitlines() or [failed.what])[-1]
        return {"fault": last}
    result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return result


@subject.check(
    "configuration",
    "whether JupyterHub can load its configuration, which includes the files in config/local.d",
    "the hub does not start with a configuration that it cannot load",
    "correct the line in config/local.d, and sudo make apply",
    needs=("release.current", "site.applied", "accounts.exist", "state.folder"),
    follows=("release.runs", "release.seen-by-hub", "site.applied-readable", "files.missing",
             "files.edited", "state.owner"),
    root=True,
    seconds=25,
)  # fmt: skip
def configuration(here: Context) -> Iterator[Finding]:
    for path in sorted((here.applied.etc / "local.d").glob("*.py")):
        try:
            compile(path.read_bytes(), str(path), "exec")
        except (SyntaxError, ValueError) as fault:
            line = getattr(fault, "lineno", None) or 1
            yield Finding(f"this is no Python: {fault}", f"{path}:{line}")
            return
    told = {} if _is_proven(here) else _told(here)
    if "fault" in told:
        path = here.applied.etc / "jupyterhub_config.py"
        yield Finding(f"JupyterHub cannot load it: {told['fault']}", str(path))


@subject.check(
    "own-spawner",
    "the classes of spawner and proxy in the hub's configuration",
    "with another spawner, tiers, ledger and cards have no effect",
    "remove the setting from config/local.d, and sudo make apply",
    needs=("hub.configuration",),
    root=True,
)
def own_spawner(here: Context) -> Iterator[Finding]:
    if _is_proven(here):
        return
    told = _told(here)
    for key, wanted in (("spawner", SPAWNER), ("proxy", PROXY)):
        if wanted not in told[key]:
            yield Finding(f"the {key} is {told[key][0]}, not sitekit's", "config/local.d")


@subject.check(
    "own-database",
    "whether the hub's configuration names the database of hub.database",
    "backup, upgrade and restore use only the database of hub.database",
    "remove db_url from config/local.d, and sudo make apply",
    needs=("hub.configuration",),
    root=True,
)
def own_database(here: Context) -> Iterator[Finding]:
    if _is_proven(here):
        return
    if (found := _told(here)["database"]) != database_url(here.applied):
        yield warning(f"the hub uses {found.partition('@')[2] or found}", "config/local.d")


@subject.check(
    "logins-open",
    "the authenticator class in the hub's configuration",
    "with JupyterHub's dummy login everybody can log in, with its null login nobody can",
    "remove authenticator_class from config/local.d, and sudo make apply",
    needs=("hub.configuration",),
    root=True,
)
def login_class(here: Context) -> Iterator[Finding]:
    if _is_proven(here):
        return
    names = _told(here)["login"]
    if any(
        name.rpartition(".")[2] in ("DummyAuthenticator", "NullAuthenticator") for name in names
    ):
        yield Finding(f"the login is {names[0]}", "config/local.d")
    elif not any(name.startswith("sitekit.hub.login.") for name in names):
        yield warning(f"the login is {names[0]}, not sitekit's", "config/local.d")


@subject.check(
    "routes",
    "the proxy's routes, read with the hub's token",
    "without the route of the hub no page of the hub opens; a wrong route sends users' requests elsewhere",
    "sudo make start",
    needs=("services.proxy-answers", "services.hub-answers"),
    root=True,
)
def routes(here: Context) -> Iterator[Finding]:
    site = here.applied
    token = proxy_token(site.etc / "proxy.env")
    headers = {"Authorization": f"token {token}"}
    code, text = get(site, "127.0.0.1", site.proxy.api_port, "/api/routes", headers)
    if code != 200:
        raise Unanswered(f"the proxy answered {code}")
    table = json.loads(text)
    hub = table.get("/", table.get(f"/{site.front.host}", {}))
    target = hub.get("target", "") if isinstance(hub, dict) else ""
    if target and target.rstrip("/") != hub_url(site):
        yield Finding(f"the route of the hub leads to {target}, not to {hub_url(site)}", "proxy")
    for path, route in table.items():
        known = isinstance(route, dict) and ({"hub", "user", "service"} & route.keys())
        if not known and path != "/":
            yield warning(f"the route {path} belongs to no user and no service", "proxy")


@subject.check(
    "gate-config",
    "whether the settings of the gate (gate.json) are those of the site file",
    "with old settings, servers get a wrong URL of the hub, or the gate refuses them",
    "sudo make apply",
    needs=("site.applied", "site.applied-readable"),
    follows=("files.missing", "files.edited", "site.same-as-applied"),
    applies=lambda site: on_slurm(site) and site.slurm.ssh is None,
)
def gate_settings(here: Context) -> Iterator[Finding]:
    path = here.site.libexec / "gate.json"
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError) as fault:
        yield Finding(f"the gate cannot read it: {type(fault).__name__}", str(path))
        return
    wanted = gate_config(here.site)
    if changed := [key for key in wanted if found.get(key) != wanted[key]]:
        yield warning(f"{', '.join(changed[:5])} differ from the site file", str(path))


@subject.check(
    "local-d",
    "files in config/local.d that the hub does not read",
    "the settings in such a file have no effect",
    "give the file a name that ends with .py, or with .conf for the web server",
    needs=("site.applied",),
)
def unread_settings(here: Context) -> Iterator[Finding]:
    folder = here.applied.etc / "local.d"
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.suffix not in (".py", ".conf", ".new"):
            yield warning("the hub does not read this file", str(path))


@subject.check(
    "memory",
    "how much of this machine's memory the hub's process uses",
    "Linux kills the hub when its memory grows without end",
    "sudo make start at a quiet time; report it",
    needs=("services.hub",),
    root=True,
)
def memory(here: Context) -> Iterator[Finding]:
    pid = here.states["hub"].pid
    rows = Path(f"/proc/{pid}/status").read_text().splitlines()
    used = next((int(row.split()[1]) for row in rows if row.startswith("VmRSS:")), 0)
    total = int(Path("/proc/meminfo").read_text().split()[1])
    if used > 0.5 * total:
        yield warning(
            f"it uses {used / 1024:.0f} MB, half of this machine", here.site.service("hub")
        )
