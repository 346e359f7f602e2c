"""Find the lines about one start of a server, in the logs of the web server, the hub, the gate and
the node.

A line is used only if it contains the start's id, or the URL path of the user's server. Refusals of
the gate are also used. Steps from the log of a job have the source `node`. The user of the job can
write any text to this log; therefore, these steps are no proof.
"""

from __future__ import annotations

import itertools
import json
import os
import pwd
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from ...base.files import open_file
from ...base.run_program import CommandFailed, acting_as, run
from ...hub.ledger.ledger import Row
from ...site import Site
from .step import NotReadable, Step, plain

TAIL = 16 * 1024**2  # bytes of the end of a log that are searched
FRONT_MOST = 12  # the most requests that are shown
NODE_MOST = 50  # the most lines of the job's log that are shown
BEFORE, AFTER = 120.0, 900.0  # seconds before and after a start in which lines are searched

HUB_LINE = re.compile(r"\[[A-Z] (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}) [^]]*\] (.*)")
ACCESS = re.compile(r'\S+ \[([^]]+)\] "([A-Z]+) (\S+) [^"]*" (\d{3})')
NODE_STAGES = {"job": "node", "the": "network", "listening": "bound", "reported": "reported"}
"""Maps the first word of a line in the job's log to the stage that this line reports
(session/log_start.py)."""


def ends_of(row: Row) -> float:
    """Return the time up to which the logs are searched for lines about a start, in seconds since
    the epoch."""
    return (row.listening or row.ended or time.time()) + AFTER


def front_steps(site: Site, row: Row, ends: float) -> list[Step]:
    """Return the requests for the user's start page and server. Raises NotReadable.

    The times in the web server's log are in whole seconds. Requests before the request with which
    the user began this start are omitted.
    """
    name = "nginx" if site.front.server == "nginx" else "apache"
    path = site.log / f"{name}-access.log"
    user, server = quote(row.user, safe="@~"), quote(row.name, safe="")
    own = f"{user}/{server}" if server else user
    kind = f"servers/{server}" if server else "server"
    wanted = re.compile(
        rf"/hub/(spawn|spawn-pending)/{re.escape(own)}\Z|/hub/api/users/{re.escape(user)}/"
        rf"{re.escape(kind)}(/progress)?\Z|/user/{re.escape(own)}/(lab|tree)?\Z"
    )
    found = []
    for line in _tail(path):
        match = ACCESS.match(line)
        if match is None or not wanted.search(match[3]):
            continue
        at = datetime.strptime(match[1], "%d/%b/%Y:%H:%M:%S %z").timestamp()
        if row.intended - BEFORE <= at <= ends:
            what = plain(f"{match[2]} {match[3]} was answered with {match[4]}")
            found.append(Step(at, "front", what))
    posts = [
        n
        for n, step in enumerate(found)
        if step.at <= row.intended and step.what.startswith("POST")
    ]
    return found[max(posts, default=0) :][:FRONT_MOST]


def hub_steps(site: Site, row: Row) -> list[Step]:
    """Return the lines in the hub's log that have the start's id. Raises NotReadable.

    The hub logs each start. Therefore, if no line has the start's id, the log of that time was
    deleted, and the function raises NotReadable.
    """
    unit, file = site.service("hub"), site.log / f"{site.service('hub')}.log"
    lines: Iterable[str] = _tail(file) if _exists(file) else _journal(row, "--unit", unit)
    found = list(read_hub_lines(lines, row.tag))
    if not found:
        raise NotReadable("the hub's log has no line about this start: it does not go back so far")
    return found


def read_hub_lines(lines: Iterable[str], tag: str) -> Iterator[Step]:
    """Yield the steps in lines of the hub's log, in text or in JSON (`logs.format`)."""
    mark = f"Start {tag}: "
    for line in lines:
        if mark not in line:
            continue
        told = _of_json(line) or _of_text(line)
        if told and told[1].startswith(mark):
            word, _, figures = told[1].removeprefix(mark).partition(" ")
            stage = {"submitted": "submitted", "listening": "listening", "opened": "opened"}
            yield Step(told[0], "hub", plain(f"{word} {figures}"), stage.get(word, ""))


def _of_json(line: str) -> tuple[float, str] | None:
    if not line.startswith("{"):
        return None
    try:
        told = json.loads(line)
        return datetime.fromisoformat(told["time"]).timestamp(), str(told["message"])
    except (ValueError, KeyError, TypeError, OverflowError):
        return None


def _of_text(line: str) -> tuple[float, str] | None:
    if not (match := HUB_LINE.search(line)):
        return None
    try:
        return datetime.strptime(match[1], "%Y-%m-%d %H:%M:%S.%f").timestamp(), match[2]
    except (ValueError, OverflowError):
        return None


def gate_steps(site: Site, row: Row) -> list[Step]:
    """Return the lines of the gate about this start, from systemd's journal. Raises NotReadable."""
    if site.slurm.ssh and row.backend == "slurm":
        raise NotReadable("the gate logs on the login node: journalctl --identifier sitekit-gate")
    words = ("--identifier", "sitekit-gate", "--identifier", "sitekit-local-gate", "--output=json")
    found = list(read_gate_lines(_journal(row, *words), row))
    if row.job and not found:
        raise NotReadable("the journal has no line about this start; see syslog, authpriv")
    return found


def read_gate_lines(lines: Iterable[str], row: Row) -> Iterator[Step]:
    """Yield two kinds of lines of the gate: the submission of this start, and refusals for the
    account of this start within BEFORE seconds after the user's request."""
    for line in lines:
        try:
            told = json.loads(line)
            at, text = int(told["__REALTIME_TIMESTAMP"]) / 1e6, str(told["MESSAGE"])
        except (ValueError, KeyError, TypeError):
            continue
        # any account can write to the journal under this name; the journal itself adds the uid
        if row.uid is not None and told.get("_UID") not in (str(row.uid), "0"):
            continue
        if row.tag in text:
            yield Step(at, "gate", plain(text), "submitted")
        elif text.startswith("refused ") and 0 <= at - row.intended <= BEFORE:
            yield Step(at, "gate", plain(text))


def node_steps(site: Site, row: Row) -> list[Step]:
    """Return the lines of the job's log that have the start's id. Raises NotReadable."""
    if row.backend != "slurm" or not row.job:
        return []
    if site.slurm.ssh:
        raise NotReadable("the job's log is on the cluster, in the account's home")
    try:
        account = pwd.getpwnam(row.account)
    except KeyError:
        raise NotReadable(f"there is no account {row.account}") from None
    path = Path(account.pw_dir) / site.log_dir / f"job-{row.job}.log"
    root = os.geteuid() == 0
    # The user can put links into this folder. With the user's rights, root follows a link only
    # to files that the user can read.
    with acting_as(account.pw_uid, account.pw_gid) if root else nullcontext():
        lines = read_node_lines(_tail(path), row.tag)
        span = (row.intended - BEFORE, ends_of(row))
        own = (step for step in lines if span[0] <= step.at <= span[1])
        return list(itertools.islice(own, NODE_MOST))


def read_node_lines(lines: Iterable[str], tag: str) -> Iterator[Step]:
    """Yield the steps that session/log_start.py has printed in the job. These lines of the log
    prove nothing, because a user can write the same lines."""
    form = re.compile(rf"sitekit: (\S+) start {tag}: (\S+)(.*)")
    for line in lines:
        if match := form.fullmatch(line):
            try:
                at = datetime.fromisoformat(match[1]).timestamp()
            except (ValueError, OverflowError):
                continue
            yield Step(at, "node", plain(match[2] + match[3]), NODE_STAGES.get(match[2], ""))


def _journal(row: Row, *words: str) -> list[str]:
    """Return the lines of systemd's journal around the time of a start. The argument `words`
    contains further arguments of journalctl. Raises NotReadable."""
    span = [f"--since=@{int(row.intended - BEFORE)}", f"--until=@{int(ends_of(row))}"]
    short = [] if "--output=json" in words else ["--output=cat"]
    try:
        done = run(["journalctl", "--no-pager", *span, *short, *words], check=False)
    except CommandFailed as failed:
        raise NotReadable(failed.what.splitlines()[0]) from None
    hidden = ("insufficient permissions", "No journal files", "not seeing messages from other")
    if any(sign in done.stderr for sign in hidden):
        raise NotReadable(f"journalctl: {plain(done.stderr.strip())}")
    if done.returncode and not done.stdout:
        raise NotReadable(plain(done.stderr.strip()) or "journalctl has no such lines")
    return done.stdout.splitlines()


def _exists(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return True  # _tail() then reports why the file cannot be read


def _tail(path: Path) -> list[str]:
    """Return the last lines of a log. Raises NotReadable."""
    try:
        with open_file(path) as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - TAIL))
            return file.read(TAIL).decode("utf-8", "replace").splitlines()
    except OSError as error:
        raise NotReadable(f"{path}: {error.strerror}") from None
