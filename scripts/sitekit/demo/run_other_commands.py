"""Call the other parts of sitekit that the demo needs.

Each function imports the modules that it needs only when the function runs, because these modules
import many libraries.
"""

from __future__ import annotations

from ..base.errors import Problem
from ..site import Site


def environment(site: Site) -> None:
    """Build the hub's environment, as `make setup_conda install_all` does."""
    from ..environment import commands

    _done(commands.setup_conda(site), "setup_conda")
    _done(commands.install_all(site), "install_all")


def machine(site: Site) -> None:
    """Create the site's accounts, files and directories, as `make apply` does."""
    from ..machine.apply.commands import apply

    _done(apply(site), "apply")


def kernels(site: Site) -> None:
    """Make Jupyter kernels from the demo cluster's modules, and publish them, as `make kernels`
    does."""
    from ..kernels import commands

    _done(commands.kernels(site), "kernels")


def start(site: Site) -> None:
    """Start the proxy, the hub and the web server."""
    from ..machine.run import start_and_stop

    _done(start_and_stop.start(site), "start")


def status(site: Site) -> bool:
    """Print the state of the proxy, the hub and the web server.

    Return whether all three run and answer.
    """
    from ..machine.run.status_overview import print_overview

    return print_overview(site)


def stop(site: Site) -> None:
    """Stop the proxy, the hub and the web server."""
    from ..machine.run import start_and_stop

    _done(start_and_stop.stop(site), "stop")


def uninstall(site: Site) -> None:
    """Remove the accounts and files that the function `machine` in this module has created."""
    from ..machine.uninstall import uninstall

    _done(uninstall.uninstall(site), "uninstall")


def _done(code: int, what: str) -> None:
    if code:
        raise Problem(
            f"{what} failed; the reason is printed above",
            remedy="correct that, then run the same command again",
        )
