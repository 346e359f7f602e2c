"""Before `make apply` changes anything, collect the problems (findings) of this machine and the
cluster.

If one check fails, all other checks still run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from ...base.errors import BadInput, Problem, as_problem
from ...base.finding import Finding, unseen, warning
from ...site import Site
from ..host.platform import Platform
from . import (
    local_backends,
    login_node_partitions,
    network,
    servers_on_removed_backends,
    sudo,
    tiers_fit_cluster,
)


@dataclass(frozen=True)
class SiteChange:
    """The site that `make apply` would apply, and the site of the last apply.

    `states` has the states of the services of the last applied site.
    """

    site: Site
    platform: Platform
    applied: Site
    states: dict[str, str]


def collect_findings(asked: SiteChange) -> list[Finding]:
    """Run all checks and return the findings. A check that cannot run gives a finding that does not
    stop `make apply`."""
    found: list[Finding] = []
    for id, ask in questions(asked).items():
        try:
            found += ask()
        except (Problem, OSError) as trouble:
            what = f"{SUBJECTS[id]} could not be checked: {as_problem(trouble).what}"
            found.append(unseen(what))
    return found


SUBJECTS = {
    "release.current": "the release",
    "servers.without-tier": "the hub's ledger",
    "network.ports": "this host's address and ports",
    "ssh.tiers": "the login node",
    "sudo.installed": "sudo",
    "tiers.fits-nodes": "Slurm",
    "engines.sizes": "the engines of servers",
}
"""Maps the id of a check to the subject of the check. `make doctor` has several checks of Slurm and
several checks of the engines. For each of these two subjects, this mapping has one check.
"""


def questions(asked: SiteChange) -> dict[str, Callable[[], Iterable[Finding]]]:
    """Return the checks that the site needs: id -> check. `make doctor` runs each check under the
    same id."""
    site = asked.site
    found: dict[str, Callable[[], Iterable[Finding]]] = {
        "release.current": lambda: _release(site),
        "servers.without-tier": lambda: servers_on_removed_backends.check_removed_backends(site),
        "network.ports": lambda: network.check_addresses_and_ports(
            site, asked.applied, asked.states, asked.platform
        ),
    }
    if site.slurm.ssh:
        found["ssh.tiers"] = lambda: login_node_partitions.check_login_node(site)
    else:
        found["sudo.installed"] = lambda: sudo.check_sudo(site, asked.platform)
    if "slurm" in site.backends and not site.slurm.ssh:
        found["tiers.fits-nodes"] = lambda: tiers_fit_cluster.check_tiers(site)
    if site.local_backends:
        found["engines.sizes"] = lambda: local_backends.check_local_backends(site)
    return found


def refusals(found: list[Finding]) -> list[BadInput]:
    """Return, as errors, the findings that must stop `make apply` before it changes anything."""
    return [BadInput(one.what, one.where, one.remedy) for one in found if one.refuses]


def describe_findings(found: list[Finding]) -> Iterator[str]:
    """Yield lines about the findings that do not stop `make apply`."""
    for one in found:
        if not one.refuses:
            yield f"{one.where}: {one.what}" if one.where else one.what
            if one.remedy:
                yield f"    -> {one.remedy}"


def _release(site: Site) -> Iterator[Finding]:
    """Yield a finding if no release is installed."""
    if not (site.current / "bin/jupyterhub").exists():
        what = f"there is no release in {site.paths.prefix}, and no service can start"
        yield warning(what, "paths.prefix", "make setup_conda install_all")
