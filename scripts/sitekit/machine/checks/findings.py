"""What stands between the site and the machine or the cluster, asked of both before anything
changes.

Each question is asked for itself, so that no finding hides another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from ...base.errors import BadInput, Problem, as_problem
from ...site import Site
from ..host.platform import Platform
from . import cluster, network, sudo
from .finding import Finding, unknown


@dataclass(frozen=True)
class Asked:
    """A site that is to come to this machine, and the one by its name that stands there now."""

    site: Site
    platform: Platform
    applied: Site
    states: dict[str, str]


def findings(asked: Asked) -> list[Finding]:
    """All of them. What could not be asked is a finding too, which refuses nothing."""
    site = asked.site
    found: list[Finding] = []
    questions: list[tuple[str, Callable[[], Iterable[Finding]]]] = [
        ("the release", lambda: _release(site)),
        (
            "this host's address and ports",
            lambda: network.look(site, asked.applied, asked.states, asked.platform),
        ),
        ("sudo", lambda: sudo.look(site, asked.platform)),
        ("Slurm", lambda: cluster.look(site)),
    ]
    for subject, ask in questions:
        try:
            found += ask()
        except (Problem, OSError) as trouble:
            found.append(unknown(f"{subject} could not be asked: {as_problem(trouble).what}"))
    return found


def refusals(found: list[Finding]) -> list[BadInput]:
    """Those that end an apply before it begins."""
    return [BadInput(one.what, one.where, one.remedy) for one in found if one.refuses]


def told(found: list[Finding]) -> Iterator[str]:
    """The others, in lines."""
    for one in found:
        if not one.refuses:
            yield f"{one.where}: {one.what}" if one.where else one.what
            if one.remedy:
                yield f"    -> {one.remedy}"


def _release(site: Site) -> Iterator[Finding]:
    if not (site.current / "bin/jupyterhub").exists():
        what = f"there is no release in {site.paths.prefix}, and no service can start"
        yield Finding(what, "paths.prefix", "make setup_conda install_all", refuses=False)
