"""Implement `make demo`, `make demo_status`, `make demo_stop` and `make demo_reset`."""

from __future__ import annotations

import http.client
import os
import ssl
import time

from ..base.errors import BadInput, Problem
from ..base.progress import say, step
from ..machine.supervisors.control import which_supervisor
from ..machine.uninstall.uninstall import memories
from ..site import Site
from . import run_other_commands
from .cluster import paths_and_ports
from .cluster.bring_up import cancel_jobs, cluster_status, start_cluster, stop_cluster
from .cluster.demo_users import ensure_passwords, ensure_people
from .cluster.record_changes import Made
from .lock import hold_demo_lock
from .preflight import need_root, preflight
from .remove_demo import remove_directories, reset
from .run_in_thread import run_together
from .software.apt_packages import install_packages
from .software.build_modules import ensure_modules
from .software.platform import Distribution

LOGIN_SECONDS = 60


def demo(*words: str) -> int:
    """Install and start all missing parts of the demo. Return 0.

    Raises BadInput if the demo cannot be installed on this machine. In this case, nothing on the
    machine is changed. Raises Problem if a part of the demo fails.
    """
    begun = time.monotonic()
    site = _site("demo", words)
    with hold_demo_lock():
        _bring_up(site, preflight(site))
    say(f"\nThe demo is up, after {time.monotonic() - begun:.0f} s.\n")
    _welcome(site)
    return 0


def _bring_up(site: Site, linux: Distribution) -> None:
    made = Made()
    _claim(site, made)

    def ground() -> None:
        install_packages()
        ensure_people(made)

    run_together(
        lambda: run_other_commands.environment(site),
        [ground, lambda: ensure_modules(site, linux, made)],
    )
    start_cluster(site, made)
    run_other_commands.machine(site)
    run_other_commands.kernels(site)
    run_other_commands.start(site)
    _wait_for_login(site)


def demo_status(*words: str) -> int:
    """Print the state of every service of the demo. Return 0 if all services run, otherwise 1."""
    site = _site("demo_status", words)
    if not paths_and_ports.MADE.exists():
        say("There is no demo on this machine. `sudo make demo` makes one.")
        return 1
    cluster = cluster_status(site)
    for name, state in cluster.items():
        say(f"{name:<32} {state.word:<9} {state.detail}")
    well = run_other_commands.status(site) and all(
        state.word == "running" for state in cluster.values()
    )
    say()
    if well:
        _welcome(site)
    else:
        say("Some parts of the demo do not run. `sudo make demo` starts what is missing.")
    return 0 if well else 1


def demo_stop(*words: str) -> int:
    """Cancel the demo's jobs and stop its services.

    No file is removed. `make demo` starts the services again.
    """
    site = _site("demo_stop", words)
    with hold_demo_lock():
        if not paths_and_ports.MADE.exists():
            say("There is no demo on this machine.")
            return 0
        _stop(site)
    say("The demo is stopped. `sudo make demo` starts it again, `sudo make demo_reset` removes it.")
    return 0


def demo_reset(*words: str) -> int:
    """Remove everything that the demo has made, including the users' home directories. Print what
    was removed, and what could not be removed."""
    site = _site("demo_reset", words)
    with hold_demo_lock():
        if not paths_and_ports.MADE.exists():
            say("There is no demo on this machine.")
            return 0
        _stop(site)
        made = Made()
        # `uninstall` keeps these directories for the site's next installation. The demo does not
        # need these directories later, and therefore removes them first.
        removed = remove_directories(made, memories(site))
        run_other_commands.uninstall(site)
        for line in reset(site, made, removed):
            say(line)
    return 0


def _site(command: str, words: tuple[str, ...]) -> Site:
    if words:
        raise BadInput(
            f"{command} takes no arguments, but got '{' '.join(words)}'",
            remedy=f"sudo make {command}",
        )
    need_root(command)
    # The demo's users must be able to read the files that the demo makes, even if root's umask is
    # 077.
    os.umask(0o022)
    return paths_and_ports.demo_site(which_supervisor())


def _claim(site: Site, made: Made) -> None:
    """Write the demo's users and directories to the demo's record, before other parts of sitekit
    create these users and directories.

    With the record, `make demo_reset` can remove the demo's users and directories even after an
    interrupted run.
    """
    made.claim("users", site.hub.user, site.proxy.user)
    made.claim("directories", *paths_and_ports.directories(site))
    if not site.paths.prefix.exists():
        made.claim("directories", site.paths.prefix)


def _stop(site: Site) -> None:
    """Stop the hub, then cancel the jobs, then stop the cluster.

    The hub stops first. Therefore no user can start a server while the jobs are cancelled.
    """
    run_other_commands.stop(site)
    cancel_jobs(site)
    stop_cluster(site)


def _wait_for_login(site: Site) -> None:
    end = time.monotonic() + LOGIN_SECONDS
    with step("Waiting for the login page"):
        while not login_answers(site):
            if time.monotonic() > end:
                raise Problem(
                    f"{site.front.url}/hub/login does not answer",
                    remedy=f"read the logs in {site.log}",
                )
            time.sleep(0.2)


def login_answers(site: Site) -> bool:
    """Return whether the login page can be fetched. The request passes the web server, the proxy
    and the hub.

    The web server's self-signed certificate is not verified.
    """
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    caller = http.client.HTTPSConnection(
        site.front.host, site.front.port, timeout=10, context=context
    )
    try:
        caller.request("GET", "/hub/login")
        return caller.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        caller.close()


def _welcome(site: Site) -> None:
    passwords = ensure_passwords(paths_and_ports.PASSWORDS)
    admins = paths_and_ports.GROUPS[site.login.admin_groups[0]]
    say(f"    {site.front.url}    (its certificate is self-signed: the browser will warn)\n")
    for user, password in passwords.items():
        say(f"    {user:<8}{password}{'    administers the hub' if user in admins else ''}")
    say(
        "\n    Log in, choose a size, start a server, and open a notebook with one of the cluster's Pythons, or R."
        "\n    Then ask for more memory than your tier allows, and see that only the kernel dies."
        f"\n    On the command line: export SLURM_CONF={paths_and_ports.slurm_conf(site)}; squeue; sinfo"
        "\n    make demo_status, make demo_stop, make demo_reset"
    )
