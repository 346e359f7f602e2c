"""The demo's calls into the other rooms, in one place. Imported late: each room brings libraries of
its own."""

from __future__ import annotations

from ..base.errors import Problem
from ..site import Site


def environment(site: Site) -> None:
    """The hub's environment, as `make setup_conda install_all` builds it."""
    from ..environment import commands

    _done(commands.setup_conda(site), "setup_conda")
    _done(commands.install_all(site), "install_all")


def machine(site: Site) -> None:
    """Accounts, files and folders of the site, as `make apply` writes them."""
    from ..machine.apply.commands import apply

    _done(apply(site), "apply")


def kernels(site: Site) -> None:
    """The modules as kernels, as `make kernels` publishes them."""
    from ..kernels import commands

    _done(commands.kernels(site), "kernels")


def start(site: Site) -> None:
    """Proxy, hub and web server."""
    from ..machine.run import commands

    _done(commands.start(site), "start")


def status(site: Site) -> bool:
    """Show how proxy, hub and web server do. True if all of them run and answer."""
    from ..machine.run import commands

    return commands.status(site) == 0


def stop(site: Site) -> None:
    """Stop proxy, hub and web server."""
    from ..machine.run import commands

    _done(commands.stop(site), "stop")


def uninstall(site: Site) -> None:
    """Take away what `machine` wrote."""
    from ..machine.uninstall import uninstall

    _done(uninstall.uninstall(site), "uninstall")


def _done(code: int, what: str) -> None:
    if code:
        raise Problem(
            f"{what} did not succeed; it says why above",
            remedy="mend that, then run the same command again",
        )
