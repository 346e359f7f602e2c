"""Run `make drain`, `make undrain` and `make stop_servers`."""

from __future__ import annotations

import asyncio
import time

from ...backends.job import NoAnswer
from ...backends.slurm.transport import ask_slurm
from ...base.command import need_root
from ...base.errors import BadInput, Problem, shown
from ...base.progress import say, step
from ...hub.servers.announcement import read_text
from ...hub.servers.drained_places import NAME
from ...hub.servers.ledger import Ledger
from ...site import Site
from ..variables import parse_variables, required
from .ledger import hubs_ledger, operator, refuse_unknown

STOPPING = 90.0  # seconds in which the hub carries out an order to stop servers


def drain(site: Site, *words: str) -> int:
    """Let the hub start no new servers on a node or in a partition. Raises BadInput, Problem."""
    given = parse_variables("drain", words, ("NODE", "PARTITION", "TEXT"))
    text = read_text(required("drain", given, "TEXT", "'It is rebooted on Monday at 9.'"))
    need_root("drain")
    kind, name = _place("drain", given)
    known = _partitions(site) if kind == "partition" else _nodes(site)
    if name not in known:
        listed = ", ".join(sorted(known)[:20])
        raise BadInput(f"there is no {kind} {name} of this site", "make drain", f"use {listed}")
    who = operator()
    with hubs_ledger(site) as ledger:
        ledger.drain(kind, name, text, who)
        drains = ledger.drains()
    say(f"The hub starts no new servers on the {kind} {name}. Slurm itself is not changed.")
    if shut := [tier.key for tier in site.tiers if drains.reason(tier)]:
        say(f"Not offered now: {', '.join(shut)}")
    return 0


def undrain(site: Site, *words: str) -> int:
    """Let the hub start servers there again. Raises BadInput, Problem."""
    given = parse_variables("undrain", words, ("NODE", "PARTITION"))
    need_root("undrain")
    kind, name = _place("undrain", given)
    who = operator()
    with hubs_ledger(site) as ledger:
        found, drains = ledger.undrain(kind, name, who), ledger.drains()
    if not found:
        listed = ", ".join([*drains.partitions, *drains.nodes]) or "none"
        raise BadInput(f"the {kind} {name} is not drained", "make undrain", f"drained: {listed}")
    say(f"The hub starts servers on the {kind} {name} again.")
    return 0


def stop_servers(site: Site, *words: str) -> int:
    """Stop the servers that one user has now. Raises BadInput, Problem."""
    given = parse_variables("stop_servers", words, ("USER", "TEXT"))
    user = required("stop_servers", given, "USER", "alice")
    text = read_text(given["TEXT"]) if "TEXT" in given else ""
    need_root("stop_servers")
    refuse_unknown(site, user)
    who = operator()
    with hubs_ledger(site) as ledger, step(f"Stopping the servers of {user}") as progress:
        number = ledger.order_stop(user, text, who)
        try:
            stopped = _carried_out(ledger, number, user)
        except KeyboardInterrupt:
            if ledger.withdraw_stop(number):
                say("The order is withdrawn. What the hub has begun to stop is stopped.")
            raise
        progress.done(f"{stopped} servers")
    return 0


def _carried_out(ledger: Ledger, number: int, user: str) -> int:
    """Wait until the hub has carried out an order, and return how many servers it has stopped.

    Raises Problem.
    """
    end = time.monotonic() + STOPPING
    while (stopped := ledger.stopped_by(number)) is None:
        if time.monotonic() > end:
            remedy = "if the hub runs within an hour, it stops them as soon as it runs: make status"
            raise Problem("the hub has not carried it out yet", user, remedy)
        time.sleep(0.5)
    return stopped


def _place(command: str, given: dict[str, str]) -> tuple[str, str]:
    """Return whether a node or a partition is drained, and its name. Raises BadInput."""
    named = [key for key in ("NODE", "PARTITION") if key in given]
    if len(named) != 1:
        raise BadInput("name a node or a partition", f"make {command}", "NODE=n or PARTITION=p")
    name = given[named[0]]
    if not NAME.fullmatch(name):
        raise BadInput(f"{shown(name)} is no name", named[0], "name one, as sinfo prints it")
    return named[0].lower(), name


def _partitions(site: Site) -> set[str]:
    return {name for tier in site.tiers for name in tier.partitions}


def _nodes(site: Site) -> set[str]:
    """Return the names of Slurm's nodes. Raises Problem.

    sbatch refuses each job that excludes a node that Slurm does not have.
    """
    words = ("--noheader", "--all", "--Node", "--format=%N")
    try:
        answer = asyncio.run(ask_slurm(site, "sinfo", *words))
    except NoAnswer as why:
        raise Problem(f"Slurm does not answer: {why}", "sinfo", "try again later") from None
    return set(answer.out.split())
