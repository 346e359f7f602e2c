"""Run servers as containers of Docker.

scripts/local_gate and scripts/container_service import this file. The engine itself keeps the
records: each container has labels with its account and its time limit, and stays for a day after
its end. Only root and the members of the engine's group can see a container's environment.
"""

import base64
import json
import os
import re
import subprocess
import sys
import time
from datetime import datetime

INSIDE = "/opt/sitekit-session"  # as in sitekit/session/containers/settings_in_container.py
START = INSIDE + "/sitekit/session/container_start.py"
STDIN = "/dev/stdin"  # only the docker program reads what it is given here
SITE, ACCOUNT, UID, SECONDS = ("sitekit.site", "sitekit.account", "sitekit.uid", "sitekit.seconds")
AWAY = re.compile(
    r"cannot connect to the|error during connect|connection refused|deadline exceeded", re.I
)
KILLED, ASKED_FIRST = 9, 120  # SIGKILL; seconds after the end of a container
STATES = {
    "created": "pending",
    "running": "running",
    "paused": "suspended",
}  # all others have ended


def start(config, job, account, tier, environment):
    """Start a server. Raises Refused."""
    image = config["docker"]["images"][tier["image"]]
    session = dict(json.loads(config["session"]), container=tier["image"])
    variables = dict(environment, SITEKIT_SESSION=json.dumps(session))
    sent = base64.b64encode(json.dumps(variables).encode()).decode()
    words = [
        *limits(tier),
        *rights(account),
        *shown(config, account),
        *labels(config, job, account, tier),
    ]
    words += [
        "--network",
        config["docker"]["network"],
        "--env-file",
        STDIN,
        "--entrypoint",
        image["python"],
    ]
    argv = [
        "create",
        "--pull",
        "never",
        "--init",
        "--name",
        job,
        *words,
        image["name"],
        "-I",
        "-B",
        START,
    ]
    checked(config, *argv, given=f"SITEKIT_ENVIRONMENT={sent}\n")
    try:
        checked(config, "start", job)
    except Exception:
        docker(config, "rm", "--force", job)
        raise


def limits(tier):
    """Return the options for the limits of the tier. The time limit is that of container_service."""
    return [
        f"--memory={tier['cap']}m",
        f"--memory-swap={tier['cap']}m",  # the same figure: no swap
        f"--memory-reservation={tier['memory']}m",
        f"--cpus={tier['cpus']}",
        "--pids-limit=4096",
        "--restart=no",
        "--log-opt=max-size=1m",
    ]


def rights(account):
    """Return the options with which the server has the rights of the account, and no others."""
    groups = sorted(set(os.getgrouplist(account.pw_name, account.pw_gid)) - {account.pw_gid})
    words = [
        f"--user={account.pw_uid}:{account.pw_gid}",
        *(f"--group-add={group}" for group in groups),
    ]
    return [*words, "--cap-drop=ALL", "--security-opt=no-new-privileges"]


def shown(config, account):
    """Return the options that mount folders of the host in the container: the home, and the
    session.

    --mount fails if a source is missing. The option -v would create it, as root's. Raises Refused.
    """
    prefix = os.path.realpath(config["docker"]["prefix"])
    release = os.path.realpath(os.path.join(prefix, "current"))
    package = os.path.join(release, "share", "sitekit", "container")
    if os.path.dirname(release) != os.path.join(prefix, "releases"):
        raise refused("engine", f"{release} is not a release")
    names = names_of(config, account)
    binds = {account.pw_dir: (account.pw_dir, ""), package: (INSIDE, ",readonly")}
    binds.update(
        {os.path.join(names, name): ("/etc/" + name, ",readonly") for name in ("passwd", "group")}
    )
    words = [
        "--mount=type=bind,source={},target={}{}".format(source, *to)
        for source, to in binds.items()
    ]
    return [*words, "--tmpfs=/tmp:mode=1777", "--workdir=" + account.pw_dir, "--hostname=jupyter"]


def names_of(config, account):
    """Write the container's /etc/passwd and /etc/group, and return their folder.

    Because these files list only root and this account, the container shows no other names of the
    host.
    """
    place = os.path.join(os.path.dirname(config["folder"]), "names", account.pw_name)
    os.makedirs(place, mode=0o755, exist_ok=True)
    name, uid, gid, home = account.pw_name, account.pw_uid, account.pw_gid, account.pw_dir
    texts = {
        "passwd": f"root:x:0:0::/root:/bin/sh\n{name}:x:{uid}:{gid}::{home}:/bin/bash\n",
        "group": f"root:x:0:\n{name}:x:{gid}:\n",
    }
    for file_name, text in texts.items():
        path = os.path.join(place, file_name)
        with open(path + ".new", "w") as file:
            file.write(text)
        os.rename(path + ".new", path)  # containers that run keep the old file
    return place


def labels(config, job, account, tier):
    """Return the options for the labels."""
    told = {
        SITE: config["site"],
        ACCOUNT: account.pw_name,
        UID: account.pw_uid,
        SECONDS: tier["seconds"],
    }
    return ["--label={}={}".format(*label) for label in told.items()]


def jobs(config, only=None):
    """Return the servers whose containers exist. Raises Refused (`silent`)."""
    return [described(config, one) for one in inspected(config, only)]


def inspected(config, only=None):
    """Return the engine's description of each container of the site. Raises Refused (`silent`)."""
    words = ["--filter=label={}={}".format(SITE, config["site"])]
    words += [f"--filter=name=^/?{only}$"] if only else []
    ids = checked(config, "ps", "--all", "--quiet", "--no-trunc", *words).split()
    if not ids:
        return []
    done = docker(config, "inspect", *ids)
    found = json.loads(done.stdout or "[]")
    if done.returncode and "no such object" not in done.stderr.lower():
        raise refused("silent", done.stderr.strip()[-500:])
    return [one for one in found if one["Config"]["Labels"].get(SITE) == config["site"]]


def described(config, one):
    """Return one server."""
    told, state = one["Config"]["Labels"], one["State"]
    network = one["NetworkSettings"]["Networks"].get(config["docker"]["network"]) or {}
    server = {"job": one["Name"].lstrip("/"), "account": told[ACCOUNT], "uid": int(told[UID])}
    server.update(host=network.get("IPAddress") or "", state=STATES.get(state["Status"], "ended"))
    began, limit = seconds(state["StartedAt"]), int(told[SECONDS])
    server["started"] = int(began)
    if server["state"] == "ended":
        code, elapsed = state["ExitCode"], int(seconds(state["FinishedAt"]) - began)
        signal = code - 128 if 128 < code < 160 else 0
        server.update(
            exit_code=0 if signal else code, signal=signal, oom=out_of_memory(one, signal)
        )
        server.update(elapsed=max(0, elapsed), limit=limit, peak=None)
    return server


def out_of_memory(one, signal):
    """Return whether Linux killed a program of an ended container for lack of memory.

    Podman 4.3 does not tell with cgroup v1, but the kernel's log has the container's Id. The log is
    searched only while the hub may ask for the first time.
    """
    told, ended = one["State"].get("OOMKilled") is True, seconds(one["State"]["FinishedAt"])
    if told or signal != KILLED or time.time() - ended > ASKED_FIRST:
        return told
    return sys.modules["units"].killed_for_memory("-" + one["Id"])


def seconds(text):
    """Return a time of the engine, such as 2027-03-01T09:00:00.123456789Z, as seconds since the epoch."""
    whole, zone = re.match(r"(\d+-\d+-\d+T\d+:\d+:\d+)(?:\.\d+)?(Z|[+-]\d\d:\d\d)\Z", text).groups()
    if whole.startswith("0001"):  # it has not happened yet
        return 0.0
    return datetime.strptime(
        whole + (zone.replace("Z", "+00:00").replace(":", "")), "%Y-%m-%dT%H:%M:%S%z"
    ).timestamp()


def stop(config, job, graceful):
    """End a server. Returns False if there is no container that runs. Raises Refused."""
    done = docker(
        config, *(["kill", "--signal=TERM", job] if graceful else ["stop", "--time=5", job])
    )
    if done.returncode == 0:
        return True
    if re.search(
        r"no such container|is not running|can only kill running", done.stderr, re.IGNORECASE
    ):
        return False
    raise refused("engine", done.stderr.strip()[-500:])


def log(config, job):
    """Return the last lines that the server has written."""
    done = docker(config, "logs", "--tail=40", job)
    return done.stdout + done.stderr if done.returncode == 0 else ""


def checked(config, *words, given=""):
    """Run a command of the engine, and return its output. Raises Refused."""
    done = docker(config, *words, given=given)
    if done.returncode == 0:
        return done.stdout
    error = done.stderr.strip()[-2000:]
    missing = re.search(r"no such image|unable to find image|image not known", error, re.IGNORECASE)
    raise refused("image" if missing else "engine", error)


def docker(config, *words, given=""):
    """Run the docker program. Raises Refused (`silent`) if the engine does not answer."""
    settings = config["docker"]
    variables = {
        "DOCKER_HOST": "unix://" + settings["socket"],
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
    }
    variables["DOCKER_CONFIG"] = "/nonexistent"
    pipes = {
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "encoding": "utf-8",
        "errors": "replace",
    }
    argv = [settings["program"], *words]
    done = subprocess.run(argv, input=given, env=variables, cwd="/", timeout=25, **pipes)
    if done.returncode and AWAY.search(done.stderr):
        raise refused("silent", done.stderr.strip()[-500:])
    return done


def overdue(server):
    """Return whether the time of a server that runs is over."""
    told, state = server["Config"]["Labels"], server["State"]["Status"]
    return state in ("running", "paused") and time.time() - seconds(
        server["State"]["StartedAt"]
    ) > int(told[SECONDS])


def refused(kind, text):
    """Return the gate's exception for a refusal."""
    return sys.modules["gate"].Refused(kind, text)
