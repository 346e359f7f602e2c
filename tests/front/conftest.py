"""The fronts, run for real: Apache and nginx with what the kit renders, before a backend that shows
what reaches it."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from sitekit.machine.host.target import Target
from sitekit.machine.render.certificate_authorities import internal_tls_files
from sitekit.machine.web.certificate import self_signed
from sitekit.machine.web.config import certificate, front, front_path, modules
from sitekit.site import Site

from ..packages import install
from ..ports import free_port
from .echo import Echo

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
from machine_sites import demo, family

__all__ = ["demo", "family"]


@pytest.fixture(scope="session", autouse=True)
def servers(request: pytest.FixtureRequest) -> None:
    """The programs. They are installed after those of `make demo`, whose dpkg waits for no other."""
    request.getfixturevalue("demo")
    install(
        "apache2-bin",
        "nginx-light",
        "sudo",
        "openssl",
        "curl",
        "iproute2",
        "logrotate",
        "slurm-client",
    )


def configuration(site: Site, folder: Path, more: str = "") -> Path:
    """The rendered file with its folders below `folder`, and what it needs there; `more` directives
    follow it."""
    text = front(site, family())[front_path(site, family())].content
    for path in (site.etc, site.run, site.log, site.front_state):
        text = text.replace(str(path), str(folder / path.relative_to("/")))
        (folder / path.relative_to("/")).mkdir(parents=True, exist_ok=True)
    (folder / site.run.relative_to("/") / site.front.server).mkdir(exist_ok=True)
    for path, content in zip(certificate(site), self_signed(site), strict=True):
        (folder / path.relative_to("/")).parent.mkdir(parents=True, exist_ok=True)
        (folder / path.relative_to("/")).write_text(content)
    for path, file in (
        internal_tls_files(Target(site, folder)) if site.internal_tls else {}
    ).items():
        (folder / path.relative_to("/")).parent.mkdir(exist_ok=True)
        (folder / path.relative_to("/")).write_text(file.content)
    if site.front.instance == "system" and site.front.server == "apache":
        wanted = ["mpm_event", "authz_core", "socache_shmcb", *modules(site)]
        loads = "".join(
            f"LoadModule {m}_module /usr/lib/apache2/modules/mod_{m}.so\n" for m in wanted
        )
        text = (
            f"ServerRoot {folder}\nServerName x\nListen 443\nErrorLog {folder}/log\n{loads}{text}"
        )
    elif site.front.instance == "system":
        text = f"pid {folder}/pid;\nerror_log {folder}/log;\nevents {{}}\nhttp {{\n{text}}}\n"
    conf = folder / f"{site.front.server}.conf"
    conf.write_text(text + more)
    return conf


def program(site: Site, conf: Path, *words: str) -> list[str]:
    """The command line that runs it in the foreground, or with `words` what else it can do."""
    if site.front.server == "nginx":
        return [
            shutil.which("nginx", path="/usr/sbin") or "nginx",
            "-e",
            "stderr",
            "-c",
            str(conf),
            *words,
        ]
    return [
        shutil.which("apache2", path="/usr/sbin") or "apache2",
        "-f",
        str(conf),
        *(words or ("-D", "FOREGROUND")),
    ]


@contextmanager
def backend(site: Site) -> Iterator[None]:
    """Echo, where the proxy would be."""
    echo = ThreadingHTTPServer(("127.0.0.1", site.proxy.port), Echo)
    threading.Thread(target=echo.serve_forever, daemon=True).start()
    try:
        yield
    finally:
        echo.shutdown()
        echo.server_close()


@contextmanager
def running(
    site: Site, folder: Path, more: str = "", inside: tuple[str, ...] = ()
) -> Iterator[subprocess.Popen]:
    """The site's own web server, up. `inside` is a command that runs it somewhere else, such as in
    a namespace."""
    # pytest's are closed to the account that Apache serves as
    for part in (folder, *folder.parents):
        part.chmod(part.stat().st_mode | 0o011)
    with (folder / "said").open("w") as said:
        web = subprocess.Popen(
            [*inside, *program(site, configuration(site, folder, more))], stdout=said, stderr=said
        )
    try:
        if not inside:
            _answers(site.front.port, web, folder / "said")
        yield web
    finally:
        web.terminate()
        web.wait(90)


def _answers(port: int, web: subprocess.Popen, said: Path) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if not probe.connect_ex(("127.0.0.1", port)):
                return
        assert web.poll() is None, said.read_text()
        time.sleep(0.05)
    raise AssertionError(f"nobody listens on {port}: {said.read_text()}")


def bare(name: str, front_keys: dict[str, object]) -> Site:
    """A site for `make apply` where nothing but the front matters: no release, no group of
    administrators."""
    paths = {"prefix": "/opt/sitekit/none", "state": f"/var/lib/sitekit/{name}"}
    # a demo may be installed here
    ports = {"hub": {"port": 18181}, "proxy": {"port": 18100, "api_port": 18101}}
    # names no cluster, so that Slurm's programs end at once
    slurm = {"conf": "/etc/debian_version"}
    more = {"login": {"admin_groups": []}, "slurm": slurm, "internal_tls": False}
    return demo(name=name, paths=paths, front=front_keys, **more, **ports)


def a_site(kind: str, internal_tls: bool = False, **front_keys: object) -> Site:
    """The demo with a front of this kind, on free ports."""
    keys = {"url": f"https://localhost:{free_port()}", "server": kind, **front_keys}
    return demo(front=keys, proxy={"port": free_port()}, internal_tls=internal_tls)
