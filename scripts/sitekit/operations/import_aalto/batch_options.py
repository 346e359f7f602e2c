"""Convert the options of batchspawner (`req_memory`, `req_runtime`, ...) to keys of a tier in
site.yml."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator
from typing import Any

from .hub_settings import REASONS, NotCarried

Keys = dict[str, Any]


def _memory(value: Any) -> Keys:
    """Convert an amount of memory. In Slurm, a number without a unit is in megabytes."""
    match = re.fullmatch(r"(\d{1,9})\s*([KMGT]?)B?", str(value).strip(), re.IGNORECASE | re.ASCII)
    if not match:
        raise NotCarried("this is not an amount of memory")
    return {"memory": f"{match[1]}{match[2].upper() or 'M'}"}


def _time(value: Any) -> Keys:
    """Convert a time limit. In Slurm, a number without a unit is in minutes."""
    text = str(value).strip()
    return {"time": f"{text}m" if re.fullmatch(r"\d{1,7}", text, re.ASCII) else text}


def _number(key: str) -> Callable[[Any], Keys]:
    """Return a function that converts an option with a number to the key `key` of the tier. In
    batchspawner's configuration, a number is often a string, such as '4'."""

    def convert(value: Any) -> Keys:
        """Convert a number, or a string that contains a number, to the key."""
        if not re.fullmatch(r"\d{1,6}", str(value).strip(), re.ASCII):
            raise NotCarried("this is not a number")
        return {key: int(value)}

    return convert


def _words(key: str) -> Callable[[Any], Keys]:
    """Return a function that converts names, separated by commas, to a list for the key `key` of
    the tier."""
    return lambda value: {key: [word for word in re.split(r"[,\s]+", str(value)) if word]}


def _text(key: str) -> Callable[[Any], Keys]:
    """Return a function that copies a string unchanged to the key `key` of the tier."""
    return lambda value: {key: str(value)}


def _gres(value: Any) -> Keys:
    """Convert generic resources of Slurm, such as gpu, gpu:2 or gpu:a100:2."""
    match = re.fullmatch(r"(?:gres/)?gpu(?::([A-Za-z][\w.-]*))?(?::(\d{1,3}))?", str(value))
    if not match:
        raise NotCarried("a tier has no generic resources but GPUs")
    kind = {"gpu_type": match[1]} if match[1] else {}
    return {"gpus": int(match[2] or 1), **kind}


def _idle(value: Any) -> Keys:
    """Convert an idle limit (the number of seconds without activity after which the culler ends a
    server) to the key `idle`."""
    if type(value) not in (int, float) or value <= 0:
        raise NotCarried("this is not a number of seconds")
    return {"idle": f"{round(value / 60)}m" if value % 60 == 0 else f"{int(value)}s"}


def _seconds(value: Any) -> Keys:
    """Convert the time limit in seconds for the wait in the queue and for the start to
    `start_timeout`."""
    if type(value) not in (int, float) or value <= 0:
        raise NotCarried("this is not a number of seconds")
    return {"start_timeout": f"{int(value)}s"}


OPTIONS: dict[str, Callable[[Any], Keys]] = {
    "req_partition": _words("partitions"),
    "req_queue": _words("partitions"),
    "req_memory": _memory,
    "req_runtime": _time,
    "req_nprocs": _number("cpus"),
    "req_ngpus": _number("gpus"),
    "req_gres": _gres,
    "req_account": _text("account"),
    "req_qos": _text("qos"),
    "req_reservation": _text("reservation"),
    "req_culltime": _idle,
    "start_timeout": _seconds,
}
"""Each option of batchspawner for which a tier has a key, with the function that converts the
option. `req_culltime` is an option of Aalto's culler."""

REASONS.update(
    {
        "req_workdir": "a server starts in server.root, or in the home directory",
        "req_homedir": "a server starts in server.root, or in the home directory",
        "req_prologue": "the job script is sitekit's; modules belong into kernels.yml",
        "req_epilogue": "the job script is sitekit's",
        "req_keepvars": "the job gets its environment from sitekit; see server.user_variables",
        "req_username": "each job runs under the account of its user",
        "cmd": REASONS["Spawner.cmd"],
    }
)

_FLAGS: dict[str, Callable[[Any], Keys]] = {
    "--constraint": _text("constraint"),
    "-C": _text("constraint"),
    "--account": _text("account"),
    "-A": _text("account"),
    "--qos": _text("qos"),
    "-q": _text("qos"),
    "--reservation": _text("reservation"),
    "--gres": _gres,
    "--gpus": _gres,
    "--mem": _memory,
    "--time": _time,
    "-t": _time,
    "--partition": _words("partitions"),
    "-p": _words("partitions"),
    "--cpus-per-task": _number("cpus"),
    "-c": _number("cpus"),
    "--nodes": _number("nodes"),
    "-N": _number("nodes"),
    "--ntasks-per-node": _number("tasks"),
    "--exclusive": lambda _: {"exclusive": True},
}


def sbatch_options(text: str) -> Iterator[tuple[str, Keys | None]]:
    """Yield each option of sbatch in `text`, with the tier's keys and values that correspond to
    this option. The second value is None if no key corresponds to the option."""
    try:
        words = shlex.split(text)
    except ValueError:
        yield text[:60], None
        return
    while words:
        name, given, value = words.pop(0).partition("=")
        if name in _FLAGS and not given and name != "--exclusive" and words:
            value = words.pop(0)
        try:
            yield f"{name} {value}".strip(), _FLAGS[name](value) if name in _FLAGS else None
        except NotCarried:
            yield f"{name} {value}".strip(), None
