"""Send requests to the gate, the only program that acts as a cluster user.

The gate runs as the user on whose behalf the hub sends the request. Other programs of the user on
this host can stop the gate, end the gate or change its answers (ptrace(2)). The hub therefore does
not trust an answer. The hub checks the form of each answer, and uses the answer only for jobs of
that user.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from ...site import Site
from ..resource_choice import Choice
from ..start_and_job_records import NoAnswer, Refused, Work
from .list_jobs import listed_by_number
from .private_data import to_see_them
from .transport import ask_slurm, transport

NEVER = 2**53  # the gate returns this start time for a job that can never start
ANSWER = 1024**2  # the most bytes of an answer; the longest answer contains 32 KiB of a log
TEXT = 4000  # the most characters of an error message that are kept
# the part of a log that is returned: number of last lines, and characters in all
LINES, LOG = 40, 32 * 1024
# The most running requests for one user. A user can stop the gate's process with a signal, and the
# process then never ends.
AT_ONCE = 16
# The kinds of refusals that the gate may report, except `gate` and `silent`, which ask_gate()
# treats separately.
KINDS = {"sbatch", "scancel", "home", "refused"}
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
"""For each key of the gate's answer, a function that tests whether the value has the right form."""


async def ask_gate(
    site: Site, account: str, request: dict[str, Any], timeout: float = 60, program: str = "gate"
) -> dict[str, Any]:
    """Run the gate as `account`, send `request` to the gate, and return the gate's answer.
    `timeout` is in seconds.

    Raises Refused with the reason, or NoAnswer if Slurm did not answer the gate's command.
    """
    user = str(request.get("user", account))
    if under_way[user] >= AT_ONCE:
        raise NoAnswer(f"{AT_ONCE} earlier requests for {user} have not come to their end")
    under_way[user] += 1
    as_user, argv = transport(site).as_user(account), [str(site.libexec / program)]
    answer = await as_user.run(
        argv, json.dumps(request), timeout, ANSWER, partial(_has_ended, user)
    )
    try:
        reply = json.loads(answer.out)
    except (ValueError, RecursionError):
        raise Refused(
            "gate",
            f"{as_user.name} did not let the hub act for {account}: {_plain(answer.err)[-500:]}",
        ) from None
    if not isinstance(reply, dict) or not all(
        FORMS[key](reply[key]) for key in FORMS.keys() & reply.keys()
    ):
        raise Refused(
            "gate", f"the answer for {account} does not have the form of the gate's answers"
        )
    if reply.get("ok"):
        return reply
    kind, error = reply.get("kind", "gate"), _plain(reply.get("error", ""))
    if kind == "silent" or (kind in ("sbatch", "scancel") and _outage(error)):
        raise NoAnswer(error)
    raise Refused(kind if kind in KINDS else "gate", error)


def _has_ended(user: str) -> None:
    """Decrease the number of running requests for `user`."""
    under_way[user] -= 1
    if not under_way[user]:
        del under_way[user]


def _plain(text: str) -> str:
    """Return the text without characters that control a terminal.

    Line breaks are kept, because sbatch prints several lines.
    """
    return "".join(sign for sign in text[:TEXT] if sign.isprintable() or sign == "\n")


def _value_of(reply: dict[str, Any], key: str) -> Any:
    """Return the value of `key` in the gate's answer. Raises Refused if the answer does not contain
    the key."""
    if key not in reply:
        raise Refused("gate", f"the gate's answer does not say {key}")
    return reply[key]


def _outage(text: str) -> bool:
    """Return whether an error of sbatch or scancel means that the scheduler does not answer."""
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
        # the next errors mean that the answering program is not slurmctld, or has another version
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
    """Return the request with which the hub asks the gate to submit a server's job.

    `live` are the numbers of the account's jobs that still write logs.
    """
    keys = ("account", "qos", "reservation", "constraint", "gres", "image", "course", "exclude")
    names = {key: getattr(choice, key) for key in keys}
    return {
        "tag": tag,
        "partitions": ",".join(choice.partitions),
        "memory": choice.memory,
        "cpus": choice.cpus,
        "minutes": -(-choice.time // 60),
        # Keys without an effect are left out, because the gate of an older sitekit, which may be on
        # the login node, would refuse them.
        **(
            {"nodes": choice.nodes, "tasks": choice.tasks}
            if choice.nodes * choice.tasks > 1
            else {}
        ),
        **({"exclusive": True} if choice.exclusive else {}),
        "environment": dict(environment),
        "running": sorted(int(job) for job in live),
        **{key: name for key, name in names.items() if name},
    }


def user_of(work: Work) -> dict[str, str]:
    """Return a dict with the key `user` (the name of the hub's user) for a request. Return {} if
    the Unix account has the same name as the hub's user.
    """
    return {} if work.user == work.account else {"user": work.user}


async def submit(site: Site, account: str, request: dict[str, Any]) -> str:
    """Submit a server's job as `account`, and return its number. Raises Refused, NoAnswer."""
    return str(_value_of(await ask_gate(site, account, {**request, "verb": "submit"}), "job"))


async def start_of(site: Site, account: str, request: dict[str, Any]) -> int | None:
    """Return when the requested job would start, in seconds since the epoch.

    The start time comes from `sbatch --test-only`. Returns None if the job could never start.
    Raises Refused, NoAnswer.
    """
    start = int(
        _value_of(
            await ask_gate(site, account, {**request, "verb": "submit", "test": True}), "start"
        )
    )
    return start if start < NEVER else None


async def cancel(site: Site, work: Work, job: str, *, graceful: bool) -> bool:
    """End a job of `work.account`. If `graceful` is true, the server gets SIGTERM; otherwise
    scancel ends the job at once.

    This method can also end a job of a user who is no longer allowed to start servers. A job of an
    account that no longer exists can be ended if the hub's account is an Operator of Slurm. Returns
    False if Slurm has no such job. The gate queries Slurm as the job's owner, because Slurm never
    hides a job from its owner. Raises Refused, NoAnswer.
    """
    request = {"verb": "cancel", "job": int(job), "graceful": graceful, **user_of(work)}
    try:
        reply = await ask_gate(site, work.account, dict(request))
    except Refused as refusal:
        if refusal.kind not in ("gate", "refused"):
            raise
        try:
            reply = await ask_gate(site, work.account, request, program="end")
        except Refused:
            await _cancel_as_operator(site, work, job, refusal)
            return True
    return not reply.get("gone", False)


async def _cancel_as_operator(site: Site, work: Work, job: str, refusal: Refused) -> None:
    """Cancel the job with scancel under the hub's account, which must be an Operator of Slurm.

    Slurm is first queried for the owner of the job, for two reasons. An Operator can cancel
    everybody's jobs, and the hub does not trust the job's number, which comes from the gate.
    """
    found = (await listed_by_number(site, [job])).get(job)
    if found is None or not work.owns(found.uid, found.user):
        raise refusal
    answer = await ask_slurm(site, "scancel", f"--name={site.job_name}", job)
    if answer.code:
        instead = f"run `scancel {job}`, or once: {to_see_them(site.hub.user)}"
        raise Refused("scancel", f"{refusal}; {answer.err}; {instead}") from None


async def log_lines(site: Site, work: Work, job: str) -> list[str]:
    """Return the last lines of a job's log; no lines if the log cannot be read."""
    try:
        request = {"verb": "log", "job": int(job), **user_of(work)}
        reply = _value_of(await ask_gate(site, work.account, request, timeout=10), "lines")
    except (Refused, NoAnswer):
        return []
    return _within(reply[-LINES:])


def _within(lines: list[str], left: int = LOG) -> list[str]:
    """Return the last lines, of at most `left` characters in all. The length is limited because the
    ledger stores lines of logs in cards for a long time."""
    kept: list[str] = []
    for line in reversed(lines):
        if left <= 0:
            break
        kept.append(line[:left])
        left -= len(line)
    return kept[::-1]
