"""Test each changed configuration file with the program that reads it (such as visudo or Apache),
before the file is written.

Files that do not change are not tested.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Set
from pathlib import Path

from ...base.errors import Problem
from ...base.run_program import CommandFailed, run
from ...contracts.tunnel_paths import host_key, sshd_config
from ...site import Site, load_site
from ..host.file_to_write import File
from ..host.platform import Platform
from ..host.target import Target
from ..installed import unix_accounts
from ..installed.read_and_restore_path import MACHINE
from ..render.proxy_preloads import node_options, preloaded
from ..render.services_of_site import site_services
from ..system_sshd import control as system_sshd
from ..system_sshd.deny_groups import denied_path
from ..web import apache_links
from ..web.config import front_path, modules, read_by_front, server
from .pam_service_before_writing import check_pam

# Keys that were added in systemd 240 to 247. Older versions, such as 239 of EL 8, report these keys
# as unknown and ignore them.
_NEWER = re.compile(
    r"Unknown \w+( name)? '(Protect(Clock|Hostname|KernelLogs|Proc)|ProcSubset|RestrictSUIDSGID)'"
)

# This Python program loads the configuration as JupyterHub does, but does not open the database.
_LOAD = """
import sys
from jupyterhub.app import JupyterHub
from traitlets.config import PyFileConfigLoader
JupyterHub(config=PyFileConfigLoader(sys.argv[1]).load_config())
"""


def check(
    target: Target, platform: Platform, files: Mapping[Path, File], changed: Set[Path]
) -> None:
    """Test the changed files. Raises Problem with the output of the program that refused a file.

    `files` are all files of the site.
    """
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
        _sshd(target, staged, changed)
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
    """Write all files of the site to a temporary folder, for tests.

    In the written files, the site's paths are replaced by paths in the temporary folder.
    """

    def __init__(self, site: Site, files: Mapping[Path, File], folder: Path) -> None:
        """Write the site's files into the temporary folder `folder`."""
        self.files, self.folder = files, folder
        folder.chmod(
            0o755
        )  # the hub's account must be able to read the configuration in this folder
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
        """Return the path that a file of the site has in the temporary folder."""
        return self.folder / path.relative_to("/")


def _front(target: Target, platform: Platform, staged: _Staged) -> None:
    """Test the web server's configuration. Raises CommandFailed.

    If the site uses the machine's own web server, only the site's part is tested here, inside a
    minimal configuration. The complete configuration of this web server is tested after the files
    are written.
    """
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
        # On some distributions, log_config, logio, unixd and watchdog are built into Apache. On
        # other distributions, Apache must load these modules.
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


def _sshd(target: Target, staged: _Staged, changed: Set[Path]) -> None:
    """Test the configuration file for the machine's own sshd, and the configuration file of the
    site's own sshd for tunnels. Raises Problem.

    sshd cannot test a configuration without a host key. Therefore the second test uses a copy of
    the host key, which the account `nobody` owns, and runs sshd as `nobody`. As root, sshd would
    need the folder /run/sshd, which exists only while the system's own sshd runs.
    """
    site = target.site
    if denied_path(site) in changed & staged.files.keys() and target.root == MACHINE:
        system_sshd.test(staged.at(denied_path(site)), site.login.deny_ssh)
    if sshd_config(site) in changed and host_key(site) in staged.files:
        shutil.chown(staged.at(host_key(site)), "nobody")
        run(["/usr/sbin/sshd", "-t", "-f", staged.at(sshd_config(site))], user="nobody")


def check_rotation(path: Path) -> None:
    """Test a configuration file of logrotate with logrotate; skip the test if logrotate is not
    installed. Raises Problem."""
    try:
        said = run(["logrotate", "--debug", path], check=False)
    except CommandFailed:
        return
    if "error:" in said.stderr:
        raise Problem(f"logrotate does not accept this file:\n{said.stderr}", path.name)


def _systemd(site: Site, staged: _Staged) -> None:
    """Test the systemd units with systemd-analyze. Raises Problem if systemd-analyze prints a
    message about the site's units.

    The test uses the output of systemd-analyze, because the exit code of systemd-analyze is 0 even
    for an unknown key. Messages about units of the distribution are ignored. If the release is not
    installed yet, its programs are replaced by empty scripts for the test.
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
            for place in (site.current / "bin", site.libexec):
                text = text.replace(f"ExecStart={place}/", f"ExecStart={staged.at(place)}/")
            units[-1].write_text(text)
    said = run(["systemd-analyze", "verify", "--man=no", *units], check=False)
    faults = faults_of(site, said.stdout + said.stderr)
    if faults:
        raise Problem(
            "\n    | ".join(["systemd does not accept the units:", *faults]),
            "systemd-analyze verify",
        )


def faults_of(site: Site, said: str) -> list[str]:
    """Return the lines in the output of systemd-analyze that report faults in the site's units."""
    return [
        line for line in said.splitlines() if site.service("") in line and not _NEWER.search(line)
    ]


def _proxy(site: Site, staged: _Staged) -> None:
    """Start the release's proxy with sitekit's JavaScript files, as a test of these files. Raises
    CommandFailed.

    The test is skipped if the release or the account does not exist yet.
    """
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
    """Read the new site.yml again. Raise Problem if the settings in the new site.yml differ from
    the site's settings, or if a Python file of the site has a syntax error."""
    if load_site(staged.at(site.etc / "site.yml")) != site:
        what = "the file for the hub does not agree with the site file"
        raise Problem(
            what, str(site.etc / "site.yml"), "this is a fault in sitekit; please report it"
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
    """Load the new JupyterHub configuration with the release's Python. Raises CommandFailed.

    The test is skipped if the release or the account does not exist yet.
    """
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
        failed.remedy = "if the release is older than this checkout: make install_all; else correct what is named above"
        raise
