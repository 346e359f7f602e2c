"""Run the server of this job inside a container image. This module checks the image, and builds the
container program's command line and environment.

The session replaces itself (execve) with the container program, such as apptainer. Because the
process id stays the same, Slurm's SIGTERM reaches the container program or the server. `make
images_check` starts images with the same command line. The settings of an image come from
gate.json, which only root can change.
"""

from __future__ import annotations

import base64
import json
import os
import re
import socket
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn

from .container_environment import SENT
from .settings_in_container import INSIDE

START = f"{INSIDE}/sitekit/session/container_start.py"
PREFIXES = {"apptainer": "APPTAINERENV_", "singularity": "SINGULARITYENV_", "charliecloud": ""}
"""Prefixes with which the engines pass a variable into the container."""

PASSED = re.compile(
    r"JUPYTERHUB_[A-Z0-9_]+|(MEM|CPU)_(LIMIT|GUARANTEE)|SITEKIT_SESSION|SITEKIT_START|USER|LOGNAME|SHELL|LANG|LC_ALL|TERM|TZ"
    r"|SLURM_(JOB_ID|JOB_END_TIME|CONF|CPUS_ON_NODE)|CUDA_VISIBLE_DEVICES|(http|https|no)_proxy|(HTTP|HTTPS|NO)_PROXY"
)
"""The names of the job's environment variables that the container gets. The container gets no other
variables of the job."""

NAMES = {"/etc/passwd", "/etc/group"}
"""Files that Charliecloud writes for each container, unless `binds` contains one of them."""


def enter(settings: dict[str, Any]) -> NoReturn:
    """Replace this process by the server in the image. If the image cannot be run, print the reason
    in one line, and exit."""
    image = settings["image"]
    if why := refusal(image):
        sys.exit(f"sitekit: the image {image['key']} {why}")
    argv = command(image, package(Path(sys.prefix)), os.environ["HOME"], [START])
    inside = {name: value for name, value in settings.items() if name != "image"}
    if "ipyparallel" in settings:
        inside["engines_inside"] = on_another_node(image, os.environ["HOME"])
        inside["engines_home"] = os.environ["HOME"]
    job = {**os.environ, "SITEKIT_SESSION": json.dumps({**inside, "container": image["key"]})}
    sys.stdout.flush()
    try:
        os.execve(argv[0], argv, environment(image, job))  # noqa: S606  (from gate.json, not from users)
    except OSError as error:
        where = socket.gethostname()
        sys.exit(
            f"sitekit: the image {image['key']} cannot be run: {argv[0]} on {where}: {error.strerror}"
        )


def package(release: Path) -> Path:
    """Return the folder of a release that is mounted in containers at the path INSIDE."""
    return release / "share" / "sitekit" / "container"


def command(image: Mapping[str, Any], shown: Path, home: str, program: Sequence[str]) -> list[str]:
    """Return the command line that runs the image's Python with the arguments `program`. The folder
    `shown` (at the path INSIDE), the home, and the image's `binds` are mounted in the container.
    The container has its own /tmp in memory.
    """
    ours = f"{shown}:{INSIDE}{'' if image['engine'] == 'charliecloud' else ':ro'}"
    python = [image["python"], "-I", "-B", *program]
    return [*_engine(image, [*image["binds"], ours], home), *python]


def on_another_node(image: Mapping[str, Any], home: str) -> list[str]:
    """Return the command line that runs a program in the image, in another job of the user.

    In the other job, the variable HOME contains the path of the home in the container. ch-run(1)
    would use this path as a path on the node. Therefore the command line sets HOME to `home`.
    """
    return ["env", f"HOME={home}", *_engine(image, image["binds"], home)]


def _engine(image: Mapping[str, Any], binds: Sequence[str], home: str) -> list[str]:
    """Return the command line of the container program (such as apptainer) up to the program that
    runs in the container."""
    if image["engine"] == "charliecloud":
        options = ["--home", "--private-tmp", *(f"--bind={bind}" for bind in binds)]
        if any(bind.rpartition(":")[2] in NAMES for bind in binds):
            # without this option, ch-run(1) writes the files of NAMES itself, and no file can be
            # mounted in their place
            options.append("--no-passwd")
        return [image["program"], *options, image["path"], "--"]
    options = [
        "--contain",
        "--cleanenv",
        f"--home={home}:{home}",
        *(f"--bind={bind}" for bind in binds),
    ]
    return [image["program"], "exec", *options, image["path"]]


def home_inside(image: Mapping[str, Any], home: str, user: str) -> str:
    """Return the path of the home in the container. With Charliecloud, ch-run(1) mounts the home at
    /home/$USER."""
    return f"/home/{user}" if image["engine"] == "charliecloud" else home


def environment(image: Mapping[str, Any], job: Mapping[str, str]) -> dict[str, str]:
    """Return the environment variables for the container program. One environment variable of the
    container program contains all environment variables of the server."""
    inner = {name: value for name, value in job.items() if PASSED.fullmatch(name)}
    inner["HOME"] = home_inside(image, job["HOME"], job["USER"])
    sent = base64.b64encode(json.dumps(inner).encode()).decode()
    own = {name: job[name] for name in ("HOME", "USER", "LANG", "TMPDIR") if name in job}
    path = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
    return {**own, "PATH": path, PREFIXES[image["engine"]] + SENT: sent}


def refusal(image: Mapping[str, Any]) -> str | None:
    """Return the reason if the server must not run in the image. Return None if `make images_check`
    has tested the image with these settings and this version of JupyterHub, and the image was not
    changed after the test. hub/messages/ended_cards.py searches the job's log for the sentences
    that this function returns.
    """
    path = os.path.realpath(image["path"])
    if not os.path.exists(path):
        return f"is missing: {image['path']}"
    try:
        record = json.loads(Path(image["record"]).read_text())
        stamps, has = dict(record["stamps"]), str(record["versions"]["jupyterhub"])
    except (OSError, ValueError, KeyError, TypeError):
        return f"was not tested: there is no valid {image['record']}; run: make images_check"
    if tested_as(image) != record.get("tested_as"):
        return "was not tested with these settings; run: make images_check"
    if path not in stamps or any(stamp(place) != known for place, known in stamps.items()):
        return "was changed after it was tested; run: make images_check"
    if minor(has) != minor(version("jupyterhub")):
        return f"was not tested with this release: it has JupyterHub {has}; run: make images_check"
    return None


def tested_as(image: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of an image that must not change after `make images_check` has tested the
    image."""
    return {name: image[name] for name in ("engine", "program", "path", "python", "binds")}


def stamp(path: str) -> list[int] | None:
    """Return the size, the time of change in nanoseconds, and the inode of a file. If the file is
    missing, return None."""
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return [status.st_size, status.st_mtime_ns, status.st_ino]


def minor(text: str) -> list[str]:
    """Return the first two numbers of a version."""
    return text.split(".")[:2]
