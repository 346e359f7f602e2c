"""Every file is read by the program that it is for, before anything changes. What stays is not
asked again."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping, Set
from pathlib import Path

from ...base.command import CommandFailed, run
from ...base.errors import Problem
from ...site import Site, load_site
from ..host.file import File
from ..host.platform import Platform
from ..host.target import Target
from ..installed import unix_accounts
from ..installed.entries import MACHINE
from ..render.preloaded import node_options, preloaded
from ..render.services import site_services
from ..web import apache_links
from ..web.config import front_path, modules, read_by_front, server
from .pam import check_pam

# Came with systemd 240 to 247. An older one, such as EL 8's 239, says that it does not know them,
# and does without.
_NEWER = re.compile(
    r"Unknown \w+( name)? '(Protect(Clock|Hostname|KernelLogs|Proc)|ProcSubset|RestrictSUIDSGID)'"
)

# What JupyterHub does with its configuration before it touches its database.
_LOAD = """
import sys
from jupyterhub.app import JupyterHub
from traitlets.config import PyFileConfigLoader
JupyterHub(config=PyFileConfigLoader(sys.argv[1]).load_config())
"""


def check(
    target: Target, platform: Platform, files: Mapping[Path, File], changed: Set[Path]
) -> None:
    """`files` are all of the site's. Raises Problem, which says what the program said; nothing has
    changed then."""
    site = target.site
    with tempfile.TemporaryDirectory(prefix="sitekit-check-") as name:
        staged = _Staged(site, files, Path(name))
        for path in changed & files.keys():
            if path.parent == platform.sudoers:
                run(["visudo", "-c", "-q", "-f", staged.at(path)])
            elif path.parent == Path("/etc/pam.d"):
                check_pam(path, files[path].content)
            elif path.parent == Path("/etc/logrotate.d"):
                check_rotation(staged.at(path))
        if changed & read_by_front(site, platform):
            _front(target, platform, staged)
        if any(path.parent == Path("/etc/systemd/system") for path in changed):
            _systemd(site, staged)
        if changed & preloaded(site).keys() and target.root == MACHINE:
            _proxy(site, staged)
        if any(
            path.is_relative_to(site.etc) and path.suffix in (".py", ".yml") for path in changed
        ):
            _reads_back(site, staged)
            if target.root == MACHINE:
                _hub(site, platform, staged)


class _Staged:
    """All of the site's files in a folder of their own; those for programs name the others there."""

    def __init__(self, site: Site, files: Mapping[Path, File], folder: Path) -> None:
        self.files, self.folder = files, folder
        folder.chmod(0o755)  # the hub's account reads its configuration here
        for path in (site.log, site.run / site.front.server, *(path.parent for path in files)):
            self.at(path).mkdir(0o755, parents=True, exist_ok=True)
        for path, file in files.items():
            text = file.content
            for place in (
                (site.etc, site.log, site.run) if path.suffix not in (".yml", ".py") else ()
            ):
                text = text.replace(str(place), str(self.at(place)))
            self.at(path).touch(0o600)
            self.at(path).write_text(text)
            self.at(path).chmod(file.mode)

    def at(self, path: Path) -> Path:
        return self.folder / path.relative_to("/")


def _front(target: Target, platform: Platform, staged: _Staged) -> None:
    """A part of the machine's own web server is read inside the least that makes a whole: all of
    that server's own is read when the part is in there. Raises CommandFailed."""
    site = target.site
    conf, program = staged.at(front_path(site, platform)), server(site, platform).program
    text = conf.read_text()
    if site.front.server == "nginx":
        if site.front.instance == "system":
            conf.write_text(f"pid {staged.folder}/nginx.pid;\nevents {{}}\nhttp {{\n{text}}}\n")
        run([program, "-t", "-q", "-e", "stderr", "-c", conf])
        return
    if site.front.instance == "system":
        there = apache_links.loads(target, platform)
        # Those of the first line are built in on some distributions, loaded on others.
        wanted = ["log_config", "logio", "unixd", "watchdog"]
        wanted += ["mpm_event", "authz_core", "socache_shmcb", *modules(site)]
        loads = [there[name].line for name in wanted if name in there]
        places = [
            f"ServerRoot {staged.folder}",
            f"DefaultRuntimeDir {staged.folder}",
            f"ErrorLog {staged.folder}/log",
        ]
        head = ["ServerName localhost", *places, *loads]
        conf.write_text("\n".join([*head, text]))
    run([program, "-t", "-f", conf])


def check_rotation(path: Path) -> None:
    """Only where logrotate is; without it the file does no harm. Raises Problem."""
    try:
        said = run(["logrotate", "--debug", path], check=False)
    except CommandFailed:
        return
    if "error:" in said.stderr:
        raise Problem(f"logrotate does not take it:\n{said.stderr}", path.name)


def _systemd(site: Site, staged: _Staged) -> None:
    """systemd-analyze ends with 0 for a key that it does not know: any word that it says of these
    units is a fault.

    What it says of others that they name, such as the distribution's, is not ours to mend. The
    programs of the release need not be there yet; empty ones stand in for them. Raises Problem.
    """
    units = []
    for path in staged.files:
        if path.parent == Path("/etc/systemd/system"):
            units.append(staged.at(path))
            text = staged.at(path).read_text()
            for program in re.findall(rf"{re.escape(str(site.current))}/bin/[\w.-]+", text):
                stub = staged.at(Path(program))
                stub.parent.mkdir(parents=True, exist_ok=True)
                stub.write_text("#!/bin/sh\n")
                stub.chmod(0o755)
            units[-1].write_text(
                text.replace(f"={site.current}/bin/", f"={staged.at(site.current)}/bin/")
            )
    said = run(["systemd-analyze", "verify", "--man=no", *units], check=False)
    faults = faults_of(site, said.stdout + said.stderr)
    if faults:
        raise Problem(
            "\n    | ".join(["systemd does not take the units:", *faults]), "systemd-analyze verify"
        )


def faults_of(site: Site, said: str) -> list[str]:
    """What systemd-analyze says of the site's units that is a fault of theirs."""
    return [
        line for line in said.splitlines() if site.service("") in line and not _NEWER.search(line)
    ]


def _proxy(site: Site, staged: _Staged) -> None:
    """The release's proxy takes what it is to load first, where release and account are there.
    Raises CommandFailed."""
    program = site.current / "bin/configurable-http-proxy"
    if not program.exists() or not unix_accounts.has_account(MACHINE, site.proxy.user):
        return
    told = node_options(site)["NODE_OPTIONS"].replace(
        str(site.libexec), str(staged.at(site.libexec))
    )
    environment = {
        "PATH": f"{site.current}/bin:/usr/bin:/bin",
        "NODE_OPTIONS": told,
        "CONFIGPROXY_AUTH_TOKEN": "none",
    }
    run([program, "--help"], user=site.proxy.user if os.geteuid() == 0 else None, env=environment)


def _reads_back(site: Site, staged: _Staged) -> None:
    """The site is read back as the same, and what is Python is Python. Raises Problem."""
    if load_site(staged.at(site.etc / "site.yml")) != site:
        what = "what is written for the hub is not what the site file says"
        raise Problem(
            what, str(site.etc / "site.yml"), "this is a fault of sitekit's; please report it"
        )
    for path, file in staged.files.items():
        if path.suffix == ".py":
            try:
                compile(file.content, str(path), "exec")
            except SyntaxError as fault:
                raise Problem(
                    f"{fault.msg}: {(fault.text or '').strip()}", f"{path}:{fault.lineno}"
                ) from None


def _hub(site: Site, platform: Platform, staged: _Staged) -> None:
    """JupyterHub takes its configuration, where release and account are there already. Raises
    CommandFailed."""
    python = site.current / "bin/python"
    if (
        not python.exists()
        or not unix_accounts.has_account(MACHINE, site.hub.user)
        or not site.paths.state.is_dir()
    ):
        return
    hub = next(
        service for service in site_services(site, platform) if service.name == site.service("hub")
    )
    conf = staged.at(site.etc / "jupyterhub_config.py")
    try:
        run(
            [python, "-I", "-c", _LOAD, conf],
            user=site.hub.user,
            env=hub.environment,
            cwd=site.paths.state,
        )
    except CommandFailed as failed:
        failed.remedy = "if the release is older than this checkout: make install_all; else mend what is named above"
        raise
