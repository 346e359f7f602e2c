"""Run `make demo`, `make demo_status`, `make demo_stop` and `make demo_reset`."""

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
from . import steps
from .cluster import layout
from .cluster.bring_up import cancel_jobs, cluster_status, start_cluster, stop_cluster
from .cluster.demo_users import ensure_passwords, ensure_people
from .cluster.record import Made
from .lock import alone
from .parallel import together
from .preflight import need_root, preflight
from .reset import remove_directories, reset
from .software.apt_packages import install_packages
from .software.modules import ensure_modules
from .software.platform import Distribution

LOGIN_SECONDS = 60


def demo(*words: str) -> int:
    """Start the whole demo, unless it runs. Raises BadInput before anything changes, or Problem."""
    begun = time.monotonic()
    site = _site("demo", words)
    with alone():
        _bring_up(site, preflight(site))
    say(f"\nThe demo is up, after {time.monotonic() - begun:.0f} s.\n")
    _welcome(site)
    return 0


def _bring_up(site: Site, linux: Distribution) -> None:
    """Build and start everything, partly in parallel."""
    made = Made()
    _claim(site, made)

    def ground() -> None:
        """Install the packages and create the users."""
        install_packages()
        ensure_people(made)

    together(lambda: steps.environment(site), [ground, lambda: ensure_modules(site, linux, made)])
    start_cluster(site, made)
    steps.machine(site)
    steps.kernels(site)
    steps.start(site)
    _wait_for_login(site)


def demo_status(*words: str) -> int:
    """Print the state of all services. Returns 0 if all of them run, else 1."""
    site = _site("demo_status", words)
    if not layout.MADE.exists():
        say("There is no demo on this machine. `sudo make demo` makes one.")
        return 1
    cluster = cluster_status(site)
    for name, state in cluster.items():
        say(f"{name:<32} {state.word:<9} {state.detail}")
    well = steps.status(site) and all(state.word == "running" for state in cluster.values())
    say()
    if well:
        _welcome(site)
    else:
        say("Not all of it runs. `sudo make demo` starts what is missing.")
    return 0 if well else 1


def demo_stop(*words: str) -> int:
    """Cancel the demo's jobs and stop its services. `make demo` starts them again."""
    site = _site("demo_stop", words)
    with alone():
        if not layout.MADE.exists():
            say("There is no demo on this machine.")
            return 0
        _stop(site)
    say("The demo is stopped. `sudo make demo` starts it again, `sudo make demo_reset` removes it.")
    return 0


def demo_reset(*words: str) -> int:
    """Remove what the demo created, including homes, and print what stays."""
    site = _site("demo_reset", words)
    with alone():
        if not layout.MADE.exists():
            say("There is no demo on this machine.")
            return 0
        _stop(site)
        made = Made()
        # `make uninstall` keeps a site's data and prints where it is. The demo's data is removed
        # first, so that nothing is printed.
        removed = remove_directories(made, memories(site))
        steps.uninstall(site)
        for line in reset(site, made, removed):
            say(line)
    return 0


def _site(command: str, words: tuple[str, ...]) -> Site:
    """Return the demo's site. Refuse arguments, and users other than root."""
    if words:
        raise BadInput(
            f"{command} takes no arguments, but got '{' '.join(words)}'",
            remedy=f"sudo make {command}",
        )
    need_root(command)
    # With a umask of 077 the users could not read what is created here.
    os.umask(0o022)
    return layout.demo_site(which_supervisor())


def _claim(site: Site, made: Made) -> None:
    """Record what other parts create for the demo, so that `make demo_reset` can remove it."""
    made.claim("users", site.hub.user, site.proxy.user)
    made.claim("directories", *layout.directories(site))
    if not site.paths.prefix.exists():
        made.claim("directories", site.paths.prefix)


def _stop(site: Site) -> None:
    """Stop everything, the hub first: no server must start while the jobs are cancelled."""
    steps.stop(site)
    cancel_jobs(site)
    stop_cluster(site)


def _wait_for_login(site: Site) -> None:
    """Wait until the login page answers."""
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
    """Return whether the login page answers through web server, proxy and hub.

    The self-signed certificate is not verified.
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
    """Print the address, the passwords, and what to try."""
    passwords = ensure_passwords(layout.PASSWORDS)
    admins = layout.GROUPS[site.login.admin_groups[0]]
    say(f"    {site.front.url}    (its certificate is its own: the browser will ask)\n")
    for user, password in passwords.items():
        say(f"    {user:<8}{password}{'    administers the hub' if user in admins else ''}")
    say(
        "\n    Log in, choose a size, start a server, and open a notebook with one of the cluster's Pythons, or R."
        "\n    Then ask for more memory than your tier allows, and see that only the kernel dies."
        f"\n    On the command line: export SLURM_CONF={layout.slurm_conf(site)}; squeue; sinfo"
        "\n    make demo_status, make demo_stop, make demo_reset"
    )
