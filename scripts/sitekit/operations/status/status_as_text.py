"""Convert the state of a site to lines of text, for `make status` and `make top`."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any

from ...hub.servers.server_states import OPEN_STATES, RUNNING_STATES, ServerState
from ...site.types.memory_and_time import human_memory, human_time

MOST = 50  # the most lines of a list that are shown
LONGEST = 300  # the most characters of a line that are shown


def one_line(text: str) -> str:
    """Return a text from users as one short line without control characters."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:LONGEST])


def as_text(record: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of `make status` about the whole state. `record` is the result of
    collect()."""
    for line in record["overview"]:
        yield f"{line['subject']:<32} {one_line(line['text'])}"
    yield ""
    yield from servers_as_text(record)
    yield ""
    yield from _rest(record)


def servers_as_text(record: dict[str, Any]) -> Iterator[str]:
    """Yield the lines about the servers, the backends and the last cards, for `make status` and
    `make top`."""
    servers = record["servers"]
    counts = {state: sum(one["state"] == state for one in servers) for state in OPEN_STATES}
    some = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    at = time.strftime("%H:%M:%S", time.localtime(record["at"]))
    yield f"Servers of {record['site']} at {at}: {some or 'none'}"
    for title in ("tiers", "partitions", "nodes"):
        yield from _table(title, record[title])
    waiting = [one for one in servers if one["state"] == ServerState.WAITING]
    if waiting:
        yield "Waiting:"
    for one in waiting[:MOST]:
        since = f"for {human_time(round(record['at'] - one['since']))}" if one["since"] else ""
        yield one_line(f"  {one['user']} {one['tier']} job {one['job']} {since}: {one['why']}")
    for name, told in record["backends"].items():
        yield one_line(_backend(name, told, record.get("hub", {}).get(name, {})))
    if record["cards"] is not None:
        yield from _cards(record["cards"])


def _table(title: str, rows: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the lines of a table with the numbers of servers and their memory, for each tier,
    partition or node."""
    if not rows:
        return
    head = " ".join(f"{state:>9}" for state in OPEN_STATES)
    yield f"  {title:<20} {head}   memory: used / requested / cap"
    for row in rows[:MOST]:
        counts = " ".join(f"{row[state]:>9}" for state in OPEN_STATES)
        yield f"  {one_line(row['name']):<20} {counts}   {_memory(row)}"
    if len(rows) > MOST:
        yield f"  and {len(rows) - MOST} more"


def _memory(row: dict[str, Any]) -> str:
    running = sum(row[state] for state in RUNNING_STATES)
    if not row["memory"]:
        return ""
    used = human_memory(row["used"]) if row["reported"] else "?"
    some = f" ({row['reported']} of {running} report)" if row["reported"] < running else ""
    return f"{used} / {human_memory(row['memory'])} / {human_memory(row['cap'])}{some}"


def _backend(name: str, told: dict[str, Any], hub: dict[str, float]) -> str:
    """Return the line about a backend. `told` says whether the backend has answered, and in how
    many seconds. `hub` has the hub's figures about this backend."""
    if not told["answers"]:
        return f"{name} does not answer: {told['trouble']}"
    text = f"{name} answered in {told['answer_seconds']:.2f} s"
    if "snapshot_age" in hub:
        text += f"; the hub's list of jobs is {hub['snapshot_age']:.0f} s old"
    for key, what in (("orphans", "orphans"), ("strays", "stray jobs")):
        if hub.get(key):
            text += f"; {hub[key]:.0f} {what}: make doctor CHECK=servers"
    return text


def _cards(cards: dict[str, Any]) -> Iterator[str]:
    """Yield one line with the numbers of servers that ended within the last day with a card (a
    message to the user), for each kind of card. Then yield one line for each of the last five of
    these servers."""
    kinds = ", ".join(f"{count} {kind}" for kind, count in cards["kinds"].items())
    yield f"Ended in the last day with a message to the user: {kinds or 'none'}"
    for one in cards["last"][:5]:
        at = time.strftime("%H:%M", time.localtime(one["at"]))
        yield one_line(f"  {at} {one['user']} {one['tier']} {one['kind']}: {one['what']}")


def _rest(record: dict[str, Any]) -> Iterator[str]:
    """Yield the lines about drains, releases, certificates and disks, and about the parts that
    could not be read."""
    for one in record.get("drains", ()):
        yield from _drain(one)
    yield f"{'current release':<32} {record['release'] or 'none'}"
    for release, who in sorted(record.get("releases", {}).items()):
        yield one_line(f"{'release in use':<32} {release}: {_some(who)}")
    for name, days in record["certificates"].items():
        yield f"{'certificate ' + name:<32} {days:.0f} days left"
    for name, disk in record["disks"].items():
        free, size = disk["free"] / 1e9, disk["bytes"] / 1e9
        yield one_line(f"{'disk of ' + name:<32} {free:.1f} of {size:.1f} GB free, {disk['path']}")
    yield from unseen_as_text(record)


def _drain(one: dict[str, Any]) -> Iterator[str]:
    """Yield the lines about one drained node or partition. If the cluster no longer has the node,
    add the command that removes the drain."""
    since = time.strftime("%Y-%m-%d %H:%M", time.localtime(one["at"]))
    yield one_line(f"{'drained ' + one['kind']:<32} {one['name']} since {since}: {one['text']}")
    if one["gone"]:
        name = one["name"]
        yield one_line(f" !! the cluster has no node {name} any more: make undrain NODE={name}")


def unseen_as_text(record: dict[str, Any]) -> Iterator[str]:
    """Yield one line for each part of the status that could not be read, with the reason."""
    for subject, why in record["unseen"].items():
        yield one_line(f"not seen: {subject}: {why}")


def _some(names: Iterable[str], most: int = 4) -> str:
    found = list(names)
    more = f" and {len(found) - most} more" if len(found) > most else ""
    return ", ".join(found[:most]) + more
