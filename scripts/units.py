"""Run servers as transient systemd units (systemd.resource-control(5) has the limits).

scripts/local_gate imports this file. systemd itself runs it when a server has ended: the unit's
cgroup, which counts what was killed for lack of memory, still exists then. If systemd does not run
it, the unit has failed, and a failed unit stays loaded. Then the next query records how the server
ended, from the properties of the unit. This happens if the cgroup has no memory left, and after
`systemctl daemon-reload`: systemd 252 writes ExecStopPost= with "+" of a transient unit as
ExecStopPostEx= into its file, which it does not read again.

The folder /run/sitekit/SITE/servers belongs to root and nobody else can read it. TAG.env has a
server's environment until the server has started, because anybody can read the properties of a
unit. TAG.json is the record of a start, TAG.ended of its end.
"""

import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
DAY, STARTING = 86400, 60  # seconds that an end is remembered, and that a start may take
STATES = {
    "activating": "pending",
    "active": "running",
    "reloading": "running",
    "deactivating": "running",
}
SHOWN = "Id,ActiveState,Result,ExecMainCode,ExecMainStatus,ExecMainExitTimestampMonotonic"
EXITED = "1"  # the value of ExecMainCode for a process that was not ended by a signal


def start(config, job, account, tier, environment):
    """Start a server. Raises Refused."""
    place, tag = folder(config), job[-16:]
    forget_old(place)
    session = dict(json.loads(config["session"]), address="127.0.0.1")
    variables = dict(
        environment, SITEKIT_SESSION=json.dumps(session), PATH="/usr/local/bin:/usr/bin:/bin"
    )
    record = {
        "account": account.pw_name,
        "uid": account.pw_uid,
        "started": time.time(),
        "seconds": tier["seconds"],
    }
    secret, known = (os.path.join(place, tag + end) for end in (".env", ".json"))
    write(known, json.dumps(record))
    write(secret, "".join(f"{name}={quoted(value)}\n" for name, value in sorted(variables.items())))
    try:
        done = call(
            "systemd-run",
            *properties(config, job, account, tier, secret),
            "/bin/sh",
            os.path.join(HERE, "job.sh"),
        )
    finally:
        os.unlink(secret)
    if done.returncode:
        os.unlink(known)
        call("systemctl", "reset-failed", "--", job + ".service")
        raise refused("engine", done.stderr.strip()[-2000:])


def properties(config, job, account, tier, secret):
    """Return the options of systemd-run. OOMPolicy=continue: a killed kernel does not end its server."""
    set_to = {
        "User": account.pw_name,
        "WorkingDirectory": account.pw_dir,
        "EnvironmentFile": "-" + secret,  # the file is gone when systemd runs ExecStopPost=
        "UMask": "0077",
        "MemoryMax": f"{tier['cap']}M",
        "MemoryLow": f"{tier['memory']}M",
        "MemorySwapMax": "0",
        "CPUQuota": f"{100 * tier['cpus']}%",
        "TasksMax": "4096",
        "RuntimeMaxSec": f"{tier['seconds']}",
        "OOMPolicy": "continue",
        "NoNewPrivileges": "yes",
        "KillMode": "mixed",
        "TimeoutStopSec": "10",
        "Slice": config["slice"],
        "ExecStopPost": "+/usr/bin/python3 -I -B {} {}".format(
            os.path.join(HERE, "units.py"), job[-16:]
        ),
    }
    options = ["--quiet", "--no-ask-password", "--service-type=exec", "--unit=" + job]
    return options + ["--property={}={}".format(*setting) for setting in set_to.items()] + ["--"]


def quoted(value):
    """Return a value for EnvironmentFile=, in double quotes (systemd.exec(5))."""
    return '"{}"'.format(re.sub(r'(["\\$`])', r"\\\1", value))


def jobs(config, only=None):
    """Return the servers that start, run, or ended within a day. Raises Refused (`silent`)."""
    loaded, place, found = units(config), folder(config), []
    keep_failed(place, loaded)
    for name in sorted(os.listdir(place)):
        tag, kind = os.path.splitext(name)
        job = "{}-{}".format(config["job_name"], tag)
        if kind == ".json" and only in (None, job):
            found += described(job, read(os.path.join(place, name)), loaded.get(job))
    return found


def units(config):
    """Return the properties of the site's units that are loaded, by name. Raises Refused (`silent`)."""
    pattern = config["job_name"] + "-*.service"
    shown = call("systemctl", "show", "--property=" + SHOWN, "--", pattern)
    if shown.returncode:
        raise refused("silent", shown.stderr.strip()[-500:])
    blocks = [
        dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        for block in shown.stdout.split("\n\n")
    ]
    loaded = {block["Id"].rpartition(".")[0]: block for block in blocks if "Id" in block}
    own = re.compile(re.escape(config["job_name"]) + r"-[0-9a-f]{16}\Z")  # not those of site x-y
    return {name: block for name, block in loaded.items() if own.match(name)}


def keep_failed(place, loaded):
    """Record the ends of units that have failed, and remove these units from systemd's memory.

    Because ExecStopPost= has ended before a unit counts as failed, a missing record stays missing.
    While failed units are loaded, `systemctl is-system-running` prints "degraded".
    """
    failed = sorted(job for job, unit in loaded.items() if unit.get("ActiveState") == "failed")
    for job in failed:
        path = os.path.join(place, job[-16:] + ".ended")
        if not os.path.exists(path):
            write(path, json.dumps(failed_end(job, loaded[job])))
    if failed:
        call("systemctl", "reset-failed", "--", *(job + ".service" for job in failed))


def failed_end(job, unit):
    """Return the record of a server's end, from the properties of its unit (org.freedesktop.systemd1(5))."""
    status = int(unit.get("ExecMainStatus") or 0)
    exited = unit.get("ExecMainCode") == EXITED
    exit_at = int(unit.get("ExecMainExitTimestampMonotonic") or 0) / 1e6
    return {
        "exit_code": status if exited else 0,
        "signal": 0 if exited else status,
        "oom": unit.get("Result") == "oom-kill" or killed_for_memory(f"/{job}.service"),
        "peak": None,
        "ended": time.time() - (time.monotonic() - exit_at if exit_at else 0),
    }


def described(job, record, unit):
    """Return one server as a list; the list is empty if the server is gone without a trace."""
    state = STATES.get((unit or {}).get("ActiveState"), "ended")
    ended = read(record["file"][:-5] + ".ended")
    one = {"job": job, "account": record["account"], "uid": record["uid"], "host": "localhost"}
    one.update(started=int(record["started"]), state=state)
    if state in ("pending", "running"):
        return [one]
    if ended:
        elapsed = int(ended["ended"] - record["started"])
        figures = {key: ended[key] for key in ("exit_code", "signal", "oom", "peak")}
        return [dict(one, state="ended", elapsed=elapsed, limit=record["seconds"], **figures)]
    fresh = time.time() - record["started"] < STARTING
    return [dict(one, state="pending")] if fresh else []


def killed_for_memory(group):
    """Return whether the kernel's log has a kill in the cgroup whose path contains `group`.

    The hub's unit has no CAP_SYSLOG, and so this program has none: systemd runs dmesg.
    """
    words = ["--quiet", "--pipe", "--wait", "--collect", "--no-ask-password"]
    lines = call("systemd-run", *words, "dmesg").stdout.splitlines()
    return any(group in line and "oom-kill" in line for line in lines)


def stop(config, job, graceful):
    """End a server. Returns False if there is no such server. Raises Refused."""
    words = ["kill", "--kill-who=main", "--signal=TERM"] if graceful else ["stop"]
    done = call("systemctl", *words, "--", job + ".service")
    if done.returncode == 0:
        return True
    if re.search(r"not loaded|not be found|no such process", done.stderr, re.IGNORECASE):
        return False
    raise refused("silent", done.stderr.strip()[-500:])


def log(config, job):
    """Return what the server has written to the journal as its user."""
    record = read(os.path.join(folder(config), job[-16:] + ".json"))
    if not record:
        return ""
    matches = (f"_SYSTEMD_UNIT={job}.service", f"_UID={record['uid']}")
    return call(
        "journalctl", "--quiet", "--no-pager", "--output=cat", "--lines=40", *matches
    ).stdout


def folder(config):
    """Return the folder of records, which is made after each boot."""
    place = config["folder"]
    os.makedirs(os.path.dirname(place), mode=0o755, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        os.mkdir(place, 0o700)
    return place


def forget_old(place):
    """Remove the records of servers that ended more than a day ago, and files half written."""
    for name in os.listdir(place):
        path = os.path.join(place, name)
        stem, kind = os.path.splitext(path)
        if kind in (".ended", ".new") and os.stat(path).st_mtime < time.time() - DAY:
            for old in (path, stem + ".json"):
                if os.path.exists(old):
                    os.unlink(old)


def read(path):
    """Return the record in a file, with the file's path; None if there is none."""
    try:
        with open(path) as file:
            return dict(json.load(file), file=path)
    except (FileNotFoundError, ValueError):
        return None


def write(path, text):
    """Write a file that only root can read, also while another program writes the same file."""
    handle, new = tempfile.mkstemp(dir=os.path.dirname(path), suffix=".new")
    with open(handle, "w") as file:
        file.write(text)
    os.rename(new, path)


def call(*argv):
    """Run a program of systemd."""
    variables = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "SYSTEMD_COLORS": "0"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL}
    return subprocess.run(
        argv, env=variables, cwd="/", timeout=25, encoding="utf-8", errors="replace", **pipes
    )


def refused(kind, text):
    """Return the gate's exception for a refusal."""
    return sys.modules["gate"].Refused(kind, text)


def memory():
    """Return how often Linux killed a program of this cgroup for lack of memory, and its peak in MiB."""
    with open("/proc/self/cgroup") as file:
        lines = [line.rstrip("\n").split(":", 2) for line in file]
    places = {controllers: path for _, controllers, path in lines}
    if "memory" in places:  # cgroup v1
        top, names = (
            "/sys/fs/cgroup/memory" + places["memory"],
            ("memory.oom_control", "memory.max_usage_in_bytes"),
        )
    else:
        top, names = "/sys/fs/cgroup" + places[""], ("memory.events", "memory.peak")
    texts = []
    for name in names:
        try:
            with open(os.path.join(top, name)) as file:
                texts.append(file.read())
        except OSError:
            texts.append("")
    killed = re.search(r"^oom_kill (\d+)$", texts[0], re.MULTILINE)
    return int(killed.group(1)) if killed else 0, int(texts[1] or 0) // 1024**2 or None


def record_end(tag):
    """Record how a server ended. systemd sets the variables (systemd.exec(5), EXIT_STATUS)."""
    with open(os.path.join(HERE, "local_gate.json")) as file:
        place = folder(json.load(file))
    killed, peak = memory()
    how, status = os.environ.get("EXIT_CODE"), os.environ.get("EXIT_STATUS", "0")
    names = {"KILL": 9, "TERM": 15, "SEGV": 11, "ABRT": 6, "INT": 2, "BUS": 7, "HUP": 1}
    number = int(status) if status.isdigit() else names.get(status, 0)
    told = {
        "exit_code": number if how == "exited" else 0,
        "signal": 0 if how == "exited" else number,
    }
    write(
        os.path.join(place, tag + ".ended"),
        json.dumps(dict(told, oom=killed > 0, peak=peak, ended=time.time())),
    )


if __name__ == "__main__":
    record_end(sys.argv[1])
