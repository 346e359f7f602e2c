"""The hub's side of the gate: requests to the one program that may act as a cluster user."""

from __future__ import annotations

import json
from typing import Any

from ...site import Site
from .command import Silent, converse, say
from .privacy import to_see_them

SUDO = "/usr/bin/sudo"
NEVER = 2**53  # the gate's word for a job that could not start


class Refused(Exception):
    """The gate, or sbatch behind it, said no. `kind` is `sbatch`, `scancel`, `home`, `refused` or `gate`."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


async def ask_gate(
    site: Site, user: str, request: dict[str, Any], timeout: float = 60, program: str = "gate"
) -> dict[str, Any]:
    """Hand `request` to the gate as `user` and return its answer. `timeout` in seconds.

    Raises Refused with the reason, or Silent when Slurm behind it does not answer.
    """
    argv = [SUDO, "-n", "-u", user, "--", str(site.libexec / program)]
    answer = await converse(argv, {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}, json.dumps(request), timeout)
    try:
        told = json.loads(answer.out)
    except ValueError:
        raise Refused("gate", f"sudo did not let the hub act for {user}: {answer.err[-500:]}") from None
    if told.get("ok"):
        return told
    if told.get("kind") == "silent" or (told.get("kind") in ("sbatch", "scancel") and _outage(told.get("error", ""))):
        raise Silent(told["error"])
    raise Refused(told.get("kind", "gate"), told.get("error", ""))


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
        "Message receive failure",  # and below: something that is no slurmctld answers, or one that is out of step
        "Insane message length",
        "Header lengths are longer than data received",
        "Incompatible versions of client and server code",
        "Unspecified error",
    )
    return any(sign.lower() in text.lower() for sign in signs)


async def submit(site: Site, user: str, request: dict[str, Any]) -> int:
    """Submit a server's job as `user`; return its id."""
    return int((await ask_gate(site, user, {**request, "verb": "submit"}))["job"])


async def start_of(site: Site, user: str, request: dict[str, Any]) -> int | None:
    """When such a job of `user` would start (`sbatch --test-only`), in epoch seconds; None if it never could."""
    start = int((await ask_gate(site, user, {**request, "verb": "submit", "test": True}))["start"])
    return start if start < NEVER else None


async def cancel(site: Site, user: str, job: int, *, graceful: bool) -> bool:
    """End a job of `user`: by SIGTERM to the server, or at once by Slurm's own way. Also for somebody who may not start
    servers any more; and for an account that is gone, if the hub's own is an Operator of Slurm's. False: to its owner,
    from whom no job is hidden, Slurm says that there is none."""
    request = {"verb": "cancel", "job": job, "graceful": graceful}
    try:
        told = await ask_gate(site, user, dict(request))
    except Refused as refusal:
        if refusal.kind not in ("gate", "refused"):
            raise
        try:
            told = await ask_gate(site, user, request, program="end")
        except Refused:
            await _cancel_as_operator(site, job, refusal)
            return True
    return not told.get("gone", False)


async def _cancel_as_operator(site: Site, job: int, refusal: Refused) -> None:
    answer = await say(site, "scancel", f"--name={site.job_name}", str(job))
    if answer.code:
        instead = f"run `scancel {job}`, or once: {to_see_them(site.hub.user)}"
        raise Refused("scancel", f"{refusal}; {answer.err}; {instead}") from None


async def log_lines(site: Site, user: str, job: int) -> list[str]:
    """The last lines of a job's log; none when it cannot be read."""
    try:
        return list((await ask_gate(site, user, {"verb": "log", "job": job}, timeout=10))["lines"])
    except (Refused, Silent):
        return []
