"""Test an image in the way a job runs it: print its versions, start its kernels, and start a
Jupyter server in it."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import signal
import subprocess
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...base.run_program import CommandFailed, identity, run
from ...contracts.fake_hub_for_trials import trial_environment, trial_hub
from ...session.containers.container import command, environment, home_inside
from ..trials.try_kernels import ASK, SMOKE
from .check_image_files import Unproven

DESCRIBE = Path(__file__).parent / "inside" / "describe_image.py"
PATH = "/usr/local/bin:/usr/bin:/bin"
RUN_TIMEOUT, KERNEL_TIMEOUT, SERVER_TIMEOUT = 120.0, 60, 120.0
"""Time limits in seconds: for a program in the image, for one kernel, and until the server reports
its port."""


@dataclass(frozen=True)
class Trial:
    """Hold the settings for the test of one image.

    `image` has the settings of the image, as a server's job gets them. `scratch` is a folder that
    contains the folder `home`, which belongs to `user`. `python` is the path of the release's
    Python. `shown` is the only folder of the release that the container can read. `settings` has
    the settings for users' servers. `user` is the account that runs the image, or None for the
    account of this process.
    """

    image: dict[str, Any]
    scratch: Path
    python: Path
    shown: Path
    settings: dict[str, Any]
    user: str | None

    @property
    def name(self) -> str:
        """Return the name of the account that runs the image in the test."""
        return self.user or pwd.getpwuid(os.geteuid()).pw_name

    def inside(self, program: str, stdin: str = "", timeout: float = RUN_TIMEOUT) -> str:
        """Run a Python program in the image, and return the program's output. `program` is the text
        of the program. Raises Unproven if the program fails.

        `timeout` is in seconds.
        """
        home = str(self.scratch / "home")
        job = {"HOME": home, "USER": self.name, "LANG": "C.UTF-8"}
        argv = command(self.image, self.shown, home, ["-c", program])
        try:
            done = run(
                argv,
                env=environment(self.image, job),
                cwd=Path("/"),
                stdin=stdin,
                user=self.user,
                timeout=timeout,
            )
        except CommandFailed as failed:
            said = " | ".join(failed.output.strip().splitlines()[-4:])
            why = said or str(failed).splitlines()[0].rpartition(": ")[2]
            raise Unproven(f"its Python {self.image['python']} does not run: {why}") from None
        return done.stdout

    def server(self, hub: int) -> tuple[list[str], dict[str, str], str | None]:
        """Return the command line of a server, its environment variables, and the account that runs
        the server.

        `hub` is the port of the trial's hub.
        """
        settings = {**self.settings, "image": self.image}
        job = trial_environment(hub, str(self.scratch / "home"), settings, self.name)
        job |= {"PATH": PATH, "LANG": "C.UTF-8"}
        return [str(self.python), "-I", "-m", "sitekit.session.server"], job, self.user


def describe(trial: Trial) -> dict[str, Any]:
    """Return the versions, the kernels and the environment variables of the image. Raises Unproven
    if the image's Python fails."""
    printed = trial.inside(DESCRIBE.read_text())
    try:
        return json.loads(printed.strip().splitlines()[-1])
    except (ValueError, IndexError):
        raise Unproven(f"its Python printed no description, but {printed[-200:]!r}") from None


def start_kernels(trial: Trial, described: dict[str, Any]) -> None:
    """Start each kernel of the image, and run a cell in the kernel. Raises Unproven if a kernel
    fails."""
    if not described["kernels"]:
        raise Unproven("it has no kernels; install ipykernel in the image")
    home = home_inside(trial.image, str(trial.scratch / "home"), trial.name)
    starts = [
        {
            "id": name,
            "environment": "image",
            "argv": spec["argv"],
            "env": {**described["environment"], **spec["env"]},
            "home": home,
            "code": [ASK[spec["language"]]] if spec["language"] in ASK else [],
            "timeout": KERNEL_TIMEOUT,
        }
        for name, spec in described["kernels"].items()
    ]
    longest = RUN_TIMEOUT + KERNEL_TIMEOUT * len(starts)
    printed = trial.inside(SMOKE.read_text(), json.dumps({"starts": starts}), longest)
    results = [json.loads(line) for line in printed.splitlines() if line.startswith("{")]
    failed = [f"{one['id']}: {one['reason']}" for one in results if "reason" in one]
    if failed or len(results) < len(starts):
        raise Unproven(f"a kernel does not work: {'; '.join(failed) or 'no answer'}")


def start_server(trial: Trial) -> None:
    """Start a Jupyter server in the image as a job does, and request the server's version by HTTP.
    Raises Unproven if the server does not answer."""
    log = trial.scratch / "server.log"
    with trial_hub() as (hub, told), log.open("wb") as out:
        argv, job, user = trial.server(hub)
        server = subprocess.Popen(
            argv,
            env=job,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
            **identity(user),
        )
        try:
            end = time.monotonic() + SERVER_TIMEOUT
            while not told and server.poll() is None and time.monotonic() < end:
                time.sleep(0.05)
            if not told:
                raise Unproven(f"its server does not start: {_last(log)}")
            _answers(told[0], log)
        finally:
            _end(server)


def _answers(port: int, log: Path) -> None:
    """Request the version of Jupyter Server from the started server, which listens on `port`.
    Raises Unproven if the server does not answer."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(f"http://127.0.0.1:{port}/user/u/api", timeout=30) as answer:
            json.load(answer)
    except (OSError, ValueError) as error:
        raise Unproven(f"its server does not answer ({error}): {_last(log)}") from None


def _end(server: subprocess.Popen[bytes]) -> None:
    """End the server with SIGTERM, as Slurm does. After 15 seconds, kill all processes of the
    server."""
    with contextlib.suppress(ProcessLookupError):
        server.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        server.wait(15)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGKILL)
    server.wait()


def _last(log: Path) -> str:
    """Return the last lines of a log file, joined to one line."""
    lines = log.read_text(errors="replace").strip().splitlines()[-4:]
    return " | ".join(line.strip() for line in lines) or "it prints nothing"
