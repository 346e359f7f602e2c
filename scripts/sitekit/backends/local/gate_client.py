"""Send requests to the local gate, the root-owned program that starts and ends servers on this host.

The local gate is the program scripts/local_gate. The hub trusts its answers, because the local gate
runs as root. The hub does not trust texts in these answers, such as lines of logs, because users
can write them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from ...site import Site
from ..resource_choice import Choice
from ..slurm.run_local_program import ENVIRONMENT, run_program
from ..start_and_job_records import NoAnswer, Refused, Work

SUDO = "/usr/bin/sudo"
ANSWER = 16 * 1024**2  # the most bytes of an answer; each server in a list takes some hundred bytes
# the part of a log that is returned: number of last lines, characters of each line
LINES, LINE = 40, 1000


async def ask(site: Site, engine: str, verb: str, **request: Any) -> dict[str, Any]:
    """Send a request to the local gate, and return its answer. Raises Refused, NoAnswer."""
    argv = [SUDO, "-n", "-u", "root", "--", str(site.libexec / "local_gate")]
    text = json.dumps({**request, "verb": verb, "engine": engine})
    answer = await run_program(argv, ENVIRONMENT, text, timeout=60, most=ANSWER)
    try:
        reply: dict[str, Any] = json.loads(answer.out)
        done = reply["ok"]
    except (ValueError, KeyError, TypeError):
        why = plain(answer.err)[-500:]
        raise Refused("gate", f"sudo did not let the hub start the local gate: {why}") from None
    if done:
        return reply
    error = plain(str(reply.get("error", "")))
    if reply.get("kind") == "silent":
        raise NoAnswer(error)
    raise Refused(str(reply.get("kind", "gate")), error)


async def submit(
    site: Site, engine: str, work: Work, choice: Choice, environment: Mapping[str, str]
) -> str:
    """Start a server, and return its name. Raises Refused, NoAnswer."""
    request = {"account": work.account, "tag": work.tag, "tier": choice.tier}
    request |= {"user": work.user} if work.user != work.account else {}
    request |= {"image": choice.image} if choice.image else {}
    reply = await ask(site, engine, "submit", environment=dict(environment), **request)
    return str(reply["job"])


async def cancel(site: Site, engine: str, job: str, *, graceful: bool) -> bool:
    """End a server. Returns False if there is no such server. Raises Refused, NoAnswer."""
    reply = await ask(site, engine, "cancel", job=job, graceful=graceful)
    return not reply.get("gone", False)


async def servers(site: Site, engine: str, job: str = "") -> list[dict[str, Any]]:
    """Return the servers of the site that run or have ended lately. If `job` (the name of a server)
    is given, return only this server. Raises NoAnswer, even if the local gate refuses the request,
    because the hub must not treat a refusal as an empty list.
    """
    try:
        reply = await ask(site, engine, "query", **({"job": job} if job else {}))
        return list(reply["jobs"])
    except (Refused, KeyError) as refusal:
        raise NoAnswer(str(refusal)) from None


async def log_lines(site: Site, engine: str, job: str) -> list[str]:
    """Return the last lines of a server's log; no lines if the log cannot be read."""
    try:
        reply = await ask(site, engine, "log", job=job)
        return within(reply["lines"])
    except (Refused, NoAnswer, KeyError):
        return []


def within(lines: Iterable[str]) -> list[str]:
    """Return the last lines of a log, shortened and without characters that control a terminal."""
    return [plain(str(line))[:LINE] for line in list(lines)[-LINES:]]


def plain(text: str) -> str:
    """Return the text without characters that control a terminal; line breaks are kept."""
    return "".join(sign for sign in text if sign.isprintable() or sign == "\n")
