"""Run `make drain`, `make undrain` and `make stop_servers`."""

from __future__ import annotations

import asyncio
import time

from ...backends.load_backends import backends_of
from ...backends.start_and_job_records import NoAnswer
from ...base.errors import BadInput, Problem
from ...base.progress import say, step
from ...base.run_program import need_root
from ...hub.ledger.check_announcement import read_text
from ...hub.ledger.ledger import Ledger
from ...hub.servers.check_drain_request import read_place, refuse_unknown_place
from ...site import Site
from ..parse_make_variables import parse_variables, required
from .open_ledger import hubs_ledger, operator, refuse_unknown

STOPPING = 90.0  # seconds for which `make stop_servers` waits until the hub has stopped the servers


def drain(site: Site, *words: str) -> int:
    """Record in the ledger that the hub starts no new servers on a node or in a partition. Raises
    BadInput or Problem."""
    given = parse_variables("drain", words, ("NODE", "PARTITION", "TEXT"))
    text = read_text(required("drain", given, "TEXT", "'It is rebooted on Monday at 9.'"))
    need_root("drain")
    kind, name = _place("drain", given)
    _refuse_unknown_place(site, kind, name)
    who = operator()
    with hubs_ledger(site) as ledger:
        ledger.drain(kind, name, text, who)
        drains = ledger.drains()
    say(f"The hub starts no new servers on the {kind} {name}. Slurm itself is not changed.")
    if shut := [tier.key for tier in site.tiers if drains.reason(tier)]:
        say(f"Not offered now: {', '.join(shut)}")
    return 0


def undrain(site: Site, *words: str) -> int:
    """Record in the ledger that the hub starts servers again on a drained node or in a drained
    partition. Raises BadInput or Problem."""
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
    """Stop all servers that one user has now. Raises BadInput or Problem."""
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
    """Wait until the hub has executed the order with the id `number`. Return the number of servers
    that the hub has stopped. Raises Problem if the hub takes too long.
    """
    end = time.monotonic() + STOPPING
    while (stopped := ledger.stopped_by(number)) is None:
        if time.monotonic() > end:
            remedy = "if the hub runs within an hour, it stops them as soon as it runs: make status"
            raise Problem("the hub has not carried it out yet", user, remedy)
        time.sleep(0.5)
    return stopped


def _place(command: str, given: dict[str, str]) -> tuple[str, str]:
    """Return the node or partition that the arguments name, as a pair: the word `node` or
    `partition`, and the name. Raises BadInput."""
    named = {key.lower(): value for key, value in given.items() if key != "TEXT"}
    return read_place(named, f"make {command}")


def _refuse_unknown_place(site: Site, kind: str, name: str) -> None:
    """Raise BadInput if no server can run on the node or in the partition. Raises Problem if Slurm
    does not answer."""
    backends = backends_of(site, lambda _: ()).values()
    try:
        asyncio.run(refuse_unknown_place(site, backends, kind, name, "make drain"))
    except NoAnswer as why:
        raise Problem(f"Slurm does not answer: {why}", "sinfo", "try again later") from None
