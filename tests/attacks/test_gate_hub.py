"""What the gate takes from root's file whatever the hub says, and what it writes down: a hub that
was taken over neither sends servers elsewhere nor goes unseen."""

from __future__ import annotations

import json
import pwd
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from sitekit.contracts.internal_tls import hub_url

from ..conftest import Demo
from ..slurm import ask, partition_down
from .conftest import Server
from .gate import gate, gate_of_each, good
from .test_gate import refused

# --- where a server's hub is ---------------------------------------------------------------------------------------

EVIL = "https://evil.example:444"
FIXED = {
    "JUPYTERHUB_API_URL": f"{EVIL}/hub/api",
    "JUPYTERHUB_ACTIVITY_URL": f"{EVIL}/hub/api/users/alice/activity",
    "JUPYTERHUB_BASE_URL": "/evil/",
    "JUPYTERHUB_HOST": EVIL,
    "JUPYTERHUB_PUBLIC_HUB_URL": f"{EVIL}/hub/",
    "JUPYTERHUB_SERVICE_URL": f"{EVIL}/user/alice/",
    "JUPYTERHUB_USER": "bob",
    "JUPYTERHUB_COOKIE_OPTIONS": '{"secure": false}',
    "JUPYTERHUB_DISABLE_USER_CONFIG": "0",
}
LEFT_OUT = {
    "JUPYTERHUB_SINGLEUSER_APP": "os.system",
    "JUPYTERHUB_SSL_KEYFILE": "/tmp/x",
    "JUPYTERHUB_ALLOW_ALL": "1",
}
REFUSED_ADDRESSES = [
    {"JUPYTERHUB_SERVICE_PREFIX": "/user/bob/"},
    {"JUPYTERHUB_SERVICE_PREFIX": "/"},
    {"JUPYTERHUB_PUBLIC_URL": f"{EVIL}/user/alice/"},
    {"JUPYTERHUB_OAUTH_CALLBACK_URL": f"{EVIL}/user/alice/oauth_callback"},
    {"JUPYTERHUB_OAUTH_CALLBACK_URL": "//evil.example/user/alice/oauth_callback"},
    {"JUPYTERHUB_OAUTH_CALLBACK_URL": "/user/bob/oauth_callback"},
    {
        "JUPYTERHUB_OAUTH_CALLBACK_URL": "https://localhost:8443@evil.example/user/alice/oauth_callback"
    },
    {
        "JUPYTERHUB_OAUTH_CALLBACK_URL": "https://evil.example/x.localhost:8443/user/alice/oauth_callback"
    },
    {"JUPYTERHUB_OAUTH_CALLBACK_URL": "http://localhost:8443/user/alice/oauth_callback"},
]


def test_a_servers_hub_is_the_one_of_roots_file(demo: Demo) -> None:
    """A hub's account that was taken over cannot start servers that obey another hub."""
    given = {**FIXED, **LEFT_OUT, "JUPYTERHUB_SERVER_NAME": "kept"}
    with environment_of_job(demo, given) as environment:
        assert not any("evil" in value for value in environment.values())
        assert not LEFT_OUT.keys() & environment.keys()
        assert environment["JUPYTERHUB_SERVER_NAME"] == "kept"
        assert environment["JUPYTERHUB_USER"] == "alice"
        assert environment["JUPYTERHUB_API_URL"] == f"{hub_url(demo.site)}/hub/api"
        assert (
            environment["JUPYTERHUB_ACTIVITY_URL"]
            == f"{hub_url(demo.site)}/hub/api/users/alice/activity"
        )
        assert environment["JUPYTERHUB_DISABLE_USER_CONFIG"] == "1"
        assert json.loads(environment["JUPYTERHUB_COOKIE_OPTIONS"])["secure"] is True


def test_addresses_elsewhere_are_refused(demo: Demo) -> None:
    requests = {str(given): good(environment=given) for given in REFUSED_ADDRESSES}
    answers = gate_of_each(demo.site, requests)
    assert [name for name, told in answers.items() if not refused(told)] == []


def test_roots_file_says_what_the_hub_says(server: Server) -> None:
    """The hub that runs sends the same values: the server's environment is what JupyterHub would
    have made it."""
    config = json.loads(Path("/usr/local/libexec/sitekit/demo/gate.json").read_text())
    assert config["hub"].items() <= server.environment.items()
    assert (
        server.environment["JUPYTERHUB_PUBLIC_URL"]
        == f"{config['hub']['JUPYTERHUB_HOST']}/user/alice/"
    )
    assert server.environment["JUPYTERHUB_OAUTH_CALLBACK_URL"] == "/user/alice/oauth_callback"


@contextmanager
def environment_of_job(demo: Demo, given: dict[str, str]) -> Iterator[dict[str, str]]:
    """The JUPYTERHUB_ variables with which a job would start, as slurmctld keeps them."""
    with partition_down(demo.site, "jupyter-long"):
        number = gate(demo.site, good(partitions="jupyter-long", environment=given)).answer["job"]
        try:
            [kept] = Path("/var/lib/sitekit/demo-cluster/slurmctld").glob(
                f"hash.*/job.{number}/environment"
            )
            pairs = (
                word.split("=", 1)
                for word in kept.read_bytes().decode(errors="replace").split("\0")
                if "=" in word
            )
            yield {name: value for name, value in pairs if name.startswith("JUPYTERHUB_")}
        finally:
            ask(demo.site, "scancel", str(number))


# --- what is written down --------------------------------------------------------------------------------------------


@pytest.fixture
def syslog() -> Iterator[Callable[[], list[str]]]:
    """What the gate sends to syslog: a socket in the place of the daemon's, which others write to
    as well."""
    place, kept = Path("/dev/log"), Path("/dev/log.kept-by-a-test")
    if place.exists() or place.is_symlink():
        place.rename(kept)
    lines: list[str] = []
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as daemon:
        daemon.bind(str(place))
        place.chmod(0o666)

        def read() -> None:  # all the time: who writes to a full socket waits
            while (line := daemon.recv(8192).decode(errors="replace").rstrip("\0")) != "end":
                lines.append(line)

        reader = threading.Thread(target=read)
        reader.start()

        def end() -> list[str]:
            """What has come, up to now; called once."""
            with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as last:
                last.sendto(b"end", str(place))
            reader.join()
            return [line for line in lines if "sitekit-gate" in line]

        yield end
        if reader.is_alive():
            end()
    place.unlink()
    if kept.exists() or kept.is_symlink():
        kept.rename(place)


def test_each_submit_and_cancel_is_a_line_in_syslog(
    demo: Demo, syslog: Callable[[], list[str]]
) -> None:
    token = "0123456789abcdef0123456789abcdef"
    request = good(partitions="jupyter-long", environment={"JUPYTERHUB_API_TOKEN": token})
    with partition_down(demo.site, "jupyter-long"):  # so that the job does not end by itself
        number = gate(demo.site, request).answer["job"]
        gate(demo.site, {"verb": "cancel", "job": number, "graceful": False})
    gate(demo.site, {"verb": "log", "job": number})
    # the hub may end a server of an earlier test meanwhile
    submitted, cancelled = (line for line in syslog() if f" job={number}" in line)
    uid = pwd.getpwnam("alice").pw_uid
    assert submitted.startswith("<86>"), "authpriv.info"
    assert (
        f"submit site=demo uid={uid} cpus=1 home_full=false job={number} memory=200 minutes=10"
        in submitted
    )
    assert 'partition="jupyter-long" tag="a77ac4a77ac4a77a"' in submitted
    assert f"cancel site=demo uid={uid} graceful=false job={number}" in cancelled
    assert token not in submitted + cancelled


@pytest.mark.parametrize(
    "request_",
    [
        good(account="x\nsubmit site=demo uid=0"),
        good(**{"x\nsubmit": 1}),
        {"verb": "cancel", "job": "1\n"},
        "not JSON\n",
    ],
)
def test_a_refusal_is_one_line_that_nobody_can_add_to(
    demo: Demo, syslog: Callable[[], list[str]], request_: object
) -> None:
    gate(demo.site, request_)
    # the hub may end a server of an earlier test meanwhile
    [line] = [line for line in syslog() if "refused" in line]
    assert line.startswith("<84>"), "authpriv.warning"
    assert (
        f"refused site=demo uid={pwd.getpwnam('alice').pw_uid} error=" in line
        and 'kind="refused"' in line
    )
    assert line.isprintable() and line.isascii() and len(line) < 800
