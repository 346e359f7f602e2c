"""The hub's side of the gate: requests to the one program that may act as a cluster user.

It acts as that user, whose other programs on this host may stop it, end it or put words into its
mouth (ptrace(2)). So its answers are that user's words: read as data, held to their form, and worth
nothing for anybody else's jobs.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from ...site import Site
from ..choice import Choice
from ..interface import NoAnswer, Refused, Work
from .listing import listed_by_number
from .privacy import to_see_them
from .transport import ask_slurm, transport

NEVER = 2**53  # the gate's word for a job that could not start
ANSWER = 1024**2  # bytes; the longest is that with a log, 40 lines of its last 32 KiB
TEXT = 4000  # characters of an error
LINES, LOG = 40, 32 * 1024  # of a log: lines, characters
AT_ONCE = 16  # requests for one user: a gate that its user has stopped stays, and sudo with it
KINDS = {"sbatch", "scancel", "home", "refused"}  # beside `gate` and `silent`
under_way: Counter[str] = Counter()


def _is_number(highest: int) -> Callable[[object], bool]:
    return lambda value: type(value) is int and 0 < value <= highest


FORMS: dict[str, Callable[[Any], bool]] = {
    "ok": lambda value: isinstance(value, bool),
    "gone": lambda value: isinstance(value, bool),
    "kind": lambda value: isinstance(value, str),
    "error": lambda value: isinstance(value, str),
    "job": _is_number(2**32),
    "start": _is_number(NEVER),
    "lines": lambda value: isinstance(value, list) and all(isinstance(line, str) for line in value),
}
"""The form of each value that an answer may have."""


async def ask_gate(
    site: Site, user: str, request: dict[str, Any], timeout: float = 60, program: str = "gate"
) -> dict[str, Any]:
    """Hand `request` to the gate as `user` and return its answer. `timeout` in seconds.

    Raises Refused with the reason, or NoAnswer when Slurm behind it does not answer.
    """
    if under_way[user] >= AT_ONCE:
        raise NoAnswer(f"{AT_ONCE} earlier requests for {user} have not come to their end")
    under_way[user] += 1
    as_user, argv = transport(site).as_user(user), [str(site.libexec / program)]
    answer = await as_user.run(
        argv, json.dumps(request), timeout, ANSWER, partial(_has_ended, user)
    )
    try:
        told = json.loads(answer.out)
    except (ValueError, RecursionError):
        raise Refused(
            "gate", f"sudo did not let the hub act for {user}: {_plain(answer.err)[-500:]}"
        ) from None
    if not isinstance(told, dict) or not all(
        FORMS[key](told[key]) for key in FORMS.keys() & told.keys()
    ):
        raise Refused("gate", f"what was said for {user} is no answer of the gate's")
    if told.get("ok"):
        return told
    kind, error = told.get("kind", "gate"), _plain(told.get("error", ""))
    if kind == "silent" or (kind in ("sbatch", "scancel") and _outage(error)):
        raise NoAnswer(error)
    raise Refused(kind if kind in KINDS else "gate", error)


def _has_ended(user: str) -> None:
    under_way[user] -= 1
    if not under_way[user]:
        del under_way[user]


def _plain(text: str) -> str:
    """Without what a terminal obeys; line breaks stay, as sbatch says several things."""
    return "".join(sign for sign in text[:TEXT] if sign.isprintable() or sign == "\n")


def _asked_for(told: dict[str, Any], key: str) -> Any:
    """Raises Refused."""
    if key not in told:
        raise Refused("gate", f"the gate's answer does not say {key}")
    return told[key]


def _outage(text: str) -> bool:
    """Whether sbatch's or scancel's error is the scheduler's silence, not its refusal."""
    signs = (
        "Unable to contact slurm controller",
        "Socket timed out",
        "Zero Bytes were transmitted",
        "Connection refused",
        "authentication error",
        "Munge",
        "Slurm backup controller in standby mode",
        "Slurm temporarily unable to accept job",
        "Connection timed out",
        "Unexpected missing socket error",
        # and below: something that is no slurmctld answers, or one that is out of step
        "Message receive failure",
        "Insane message length",
        "Header lengths are longer than data received",
        "Incompatible versions of client and server code",
        "Unspecified error",
    )
    return any(sign.lower() in text.lower() for sign in signs)


def request_of(
    choice: Choice, tag: str, environment: Mapping[str, str], live: Iterable[str] = ()
) -> dict[str, Any]:
    """A server's job as the gate wants it. `live` are the account's jobs whose logs are still
    written."""
    names = {
        key: getattr(choice, key) for key in ("account", "qos", "reservation", "constraint", "gres")
    }
    return {
        "tag": tag,
        "partitions": ",".join(choice.partitions),
        "memory": choice.memory,
        "cpus": choice.cpus,
        "minutes": -(-choice.time // 60),
        "environment": dict(environment),
        "running": sorted(int(job) for job in live),
        **{key: name for key, name in names.items() if name},
    }


async def submit(site: Site, user: str, request: dict[str, Any]) -> str:
    """Submit a server's job as `user`; return its number."""
    return str(_asked_for(await ask_gate(site, user, {**request, "verb": "submit"}), "job"))


async def start_of(site: Site, user: str, request: dict[str, Any]) -> int | None:
    """When such a job of `user` would start (`sbatch --test-only`), in epoch seconds; None if it
    never could."""
    start = int(
        _asked_for(await ask_gate(site, user, {**request, "verb": "submit", "test": True}), "start")
    )
    return start if start < NEVER else None


async def cancel(site: Site, work: Work, job: str, *, graceful: bool) -> bool:
    """End a job of `work.account`: by SIGTERM to the server, or at once by Slurm's own way. Also
    for somebody who may not start servers any more; and for an account that is gone, if the hub's
    own is an Operator of Slurm's. False: to its owner, from whom no job is hidden, Slurm says that
    there is none.

    Raises Refused, NoAnswer.
    """
    request = {"verb": "cancel", "job": int(job), "graceful": graceful}
    try:
        told = await ask_gate(site, work.account, dict(request))
    except Refused as refusal:
        if refusal.kind not in ("gate", "refused"):
            raise
        try:
            told = await ask_gate(site, work.account, request, program="end")
        except Refused:
            await _cancel_as_operator(site, work, job, refusal)
            return True
    return not told.get("gone", False)


async def _cancel_as_operator(site: Site, work: Work, job: str, refusal: Refused) -> None:
    """An Operator may cancel everybody's jobs, and the number is the gate's word: Slurm is asked
    whose it is."""
    found = (await listed_by_number(site, [job])).get(job)
    if found is None or not work.owns(found.uid, found.user):
        raise refusal
    answer = await ask_slurm(site, "scancel", f"--name={site.job_name}", job)
    if answer.code:
        instead = f"run `scancel {job}`, or once: {to_see_them(site.hub.user)}"
        raise Refused("scancel", f"{refusal}; {answer.err}; {instead}") from None


async def log_lines(site: Site, user: str, job: str) -> list[str]:
    """The last lines of a job's log; none when it cannot be read."""
    try:
        told = _asked_for(
            await ask_gate(site, user, {"verb": "log", "job": int(job)}, timeout=10), "lines"
        )
    except (Refused, NoAnswer):
        return []
    return _within(told[-LINES:])


def _within(lines: list[str], left: int = LOG) -> list[str]:
    """The last of them, so many characters in all: cards are kept for months."""
    kept: list[str] = []
    for line in reversed(lines):
        if left <= 0:
            break
        kept.append(line[:left])
        left -= len(line)
    return kept[::-1]
