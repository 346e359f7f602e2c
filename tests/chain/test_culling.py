"""idle-culler itself, run once against the demo's hub with the site's own configuration and short
limits."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

import httpx
import pytest

from sitekit.base.data_files import data
from sitekit.contracts.internal_tls import client_context, hub_url
from sitekit.hub.culling import SCOPES
from sitekit.hub.servers.activity_interval_and_stop_delay import stop_delay
from sitekit.site import Site
from sitekit.site.show import dump

from ..conftest import Demo
from ..faults.machine import changed
from ..person import Person
from ..slurm import jobs, until
from .test_chain import python_of

LIMIT = 3  # seconds
# more users than JupyterHub ever lists at once
CROWD = [f"kitcrowd{number:03}" for number in range(210)]


@pytest.fixture
def carol(demo: Demo) -> Iterator[Person]:
    with demo.person("carol") as person:
        assert person.login().url.path != "/hub/login"
        yield person


@pytest.fixture
def alice_after_the_crowd(demo: Demo, carol: Person) -> Iterator[Person]:
    """alice, come to the hub as its last user: after 210 others, who are made by an administrator,
    and taken away."""
    if carol.api("GET", "/users/alice").status_code == 200:
        carol.api("DELETE", "/users/alice/server")
        until(lambda: not carol.api("GET", "/users/alice").json()["servers"])
        assert carol.api("DELETE", "/users/alice").status_code == 204
    lines = [
        f"{name}:x:{65000 + number}:65000::/nonexistent:/usr/sbin/nologin\n"
        for number, name in enumerate(CROWD)
    ]
    try:
        # who is made must have an account then
        with changed(Path("/etc/passwd"), lambda text: text + "".join(lines)):
            assert carol.api("POST", "/users", {"usernames": CROWD}).status_code == 201
        with demo.person("alice") as person:
            assert person.login().url.path != "/hub/login"
            yield person
            for name in ("", "forever"):
                if person.server(name) is not None:
                    person.stop_and_wait(name)
    finally:
        for name in CROWD:
            carol.api("DELETE", f"/users/{name}")


def short(site: Site) -> Site:
    """The site with other limits; whether a tier has one stays as it is."""
    tiers = (tier.model_copy(update={"idle": tier.idle and LIMIT}) for tier in site.tiers)
    return site.model_copy(update={"tiers": tuple(tiers)})


@contextmanager
def culler(site: Site, token: str, folder: Path) -> Iterator[Path]:
    """The service's own program and configuration, one user to a page; yields its log."""
    (folder / "site.yml").write_text(dump(site))
    own = "\nc.IdleCuller.cull_every = 4\nc.IdleCuller.api_page_size = 1\nc.IdleCuller.log_level = 'DEBUG'\n"
    (folder / "culler_config.py").write_text(data("config/culler_config.py").read_text() + own)
    url = f"{hub_url(site)}/hub/api"
    command = [site.current / "bin/python", "-I", "-m", "jupyterhub_idle_culler", f"--url={url}"]
    log = folder / "log"
    with log.open("w") as file:
        process = subprocess.Popen(
            [*command, f"--config={folder / 'culler_config.py'}"],
            env={"JUPYTERHUB_API_TOKEN": token, "PATH": "/usr/bin:/bin"},
            cwd=folder,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        yield log
    finally:
        process.terminate()
        process.wait(90)


def silent_for(person: Person, name: str = "") -> float:
    """How long the hub has heard of no activity in a server, in seconds."""
    server = person.server(name)
    assert server is not None
    return (
        datetime.now(timezone.utc) - datetime.fromisoformat(server["last_activity"][:19] + "+00:00")
    ).total_seconds()


def compute(person: Person) -> tuple[str, str]:
    """Let a kernel compute for long, and look away. The token and the address with which its server
    tells the hub."""
    kernel = person.kernel(python_of(person))
    ask = "import os; print(os.environ['JUPYTERHUB_API_TOKEN'], os.environ['JUPYTERHUB_ACTIVITY_URL'])"
    token, url = kernel.run(ask).split()
    kernel.begin("import time; time.sleep(600)")
    until(lambda: person.server_api("GET", "kernels").json()[0]["execution_state"] == "busy")
    kernel.close()
    return token, url


def report(site: Site, person: Person, token: str, url: str) -> None:
    """What the server does every few minutes, done now: its own figure, with its own token."""
    last = person.server_api("GET", "status").json()["last_activity"]
    body = {"servers": {"": {"last_activity": last}}, "last_activity": last}
    headers = {"Authorization": f"token {token}"}
    answer = httpx.post(
        url, json=body, headers=headers, verify=client_context(site, "culler"), timeout=90
    )
    assert answer.status_code == 200, answer.text[:300]


def test_each_server_is_culled_or_kept_as_its_tier_says(
    demo: Demo, carol: Person, bob: Person, alice_after_the_crowd: Person, tmp_path: Path
) -> None:
    alice, site = alice_after_the_crowd, short(demo.site)
    assert bob.start("large")[-1].get("ready")
    assert alice.start("small")[-1].get("ready")
    assert alice.start("long", "forever")[-1].get("ready")
    token, url = compute(bob)
    busy = jobs(demo.site, "bob")
    granted = carol.api(
        "POST", "/users/carol/tokens", {"scopes": SCOPES, "expires_in": 3600, "note": "culler"}
    )
    assert granted.status_code == 201, granted.text[:300]

    def gone() -> bool:
        report(demo.site, bob, token, url)
        return alice.server() is None

    with culler(site, granted.json()["token"], tmp_path) as log:
        until(gone, 8 * (LIMIT + stop_delay(LIMIT)))

        def longer() -> bool:
            """Whether the server without a limit has been silent for longer than that; bob's must
            not be."""
            report(demo.site, bob, token, url)
            return silent_for(alice, "forever") > LIMIT + stop_delay(LIMIT)

        until(longer, 8 * (LIMIT + stop_delay(LIMIT)))
        assert silent_for(bob) < LIMIT + stop_delay(LIMIT)
        said = log.read_text()
    assert "Culling server alice (" in said and "Fetching page 2" in said
    for kept in ("alice/forever", "bob"):
        assert f"Not culling server {kept} (" in said and f"Culling server {kept}" not in said
    assert alice.server("forever") is not None and bob.server() is not None
    assert jobs(demo.site, "bob") == busy
    until(lambda: len(jobs(demo.site, "alice")) == 1)
    last = carol.api("GET", "/users?state=ready&offset=1").json()
    assert [user["name"] for user in last] == ["alice"], "alice was not the last of the hub's users"
