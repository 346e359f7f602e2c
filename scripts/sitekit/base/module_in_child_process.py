"""Run a Python module in a separate process and exchange JSON with it.

The module's process reads one request, and writes any number of events and one answer.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, NoReturn

from .errors import Problem
from .run_program import Argv, piped

Event = dict[str, Any]

_PR_SET_PDEATHSIG = 1  # prctl(2)


def ask_child_process(
    module: str,
    request: Event,
    on_event: Callable[[Event], None] = lambda _: None,
    *,
    timeout: float,
) -> Any:
    """Run `python -m module` with `request`; return the module's answer.

    `on_event` is called for each event. `timeout` is in seconds. An answer is accepted even if the
    process crashes afterwards, because the installer rattler sometimes crashes while Python exits,
    after a complete installation. Raises Problem if the process sends a Problem, ends without an
    answer, or takes too long.
    """
    with tempfile.TemporaryFile("w+") as errors:
        child = _start(module, errors)
        reply = _exchange(child, request, on_event, timeout)
        if reply is None:
            errors.seek(0)
            raise Problem(
                f"{_ending(child.returncode)}{_tail(errors.read())}",
                remedy="run the same command again",
            )
    if "problem" in reply:
        raise Problem(*reply["problem"])
    return reply["answer"]


def _start(module: str, errors: IO[str]) -> subprocess.Popen[str]:
    """Start `python -m module`, with its standard error output in the file `errors`."""
    places = [str(Path(__file__).resolve().parents[2]), os.environ.get("PYTHONPATH", "")]
    return subprocess.Popen(
        [sys.executable, "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, places))},
        umask=0o022,
    )


def _exchange(
    child: subprocess.Popen[str],
    request: Event,
    on_event: Callable[[Event], None],
    timeout: float,
) -> Event | None:
    """Send the request and receive all events; return the event with the answer or the problem.

    Returns None if the process ends without an answer and without a problem. After `timeout`
    seconds the process is killed.
    """
    reply: Event | None = None
    requests, events = piped(child.stdin), piped(child.stdout)
    timer = threading.Timer(timeout, child.kill)
    timer.start()
    try:
        # if the process has ended immediately, it does not read the request. The process has
        # written the reason to its standard error output.
        with contextlib.suppress(BrokenPipeError):
            json.dump(request, requests)
            requests.close()
        for line in events:
            event = json.loads(line)
            if "answer" in event or "problem" in event:
                reply = event
            else:
                on_event(event)
        child.wait()
    finally:
        timer.cancel()
        child.kill()
        child.wait()
        events.close()
    return reply


def serve(work: Callable[[Event], Any]) -> NoReturn:
    """Read a request, call `work` with this request, write the result and exit.

    The child process calls this function.

    Linux kills this process when its parent process ends. Otherwise, this process would go on
    without the lock of the prefix, because the end of the parent process releases the lock. The
    process exits with os._exit, because in about 1 of 30 runs rattler's threads crash with SIGSEGV
    during Python's normal exit.
    """
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    try:
        reply: Event = {"answer": work(json.load(sys.stdin))}
    except Problem as problem:
        reply = {"problem": [problem.what, problem.where, problem.remedy]}
    send_event(reply)
    sys.stderr.flush()
    os._exit(0)


_MORTAL = "import ctypes, os, sys; ctypes.CDLL(None).prctl(int(sys.argv[1]), 9); os.execv(sys.argv[2], sys.argv[2:])"


def end_with_this_process(argv: Argv) -> list[str]:
    """Return a command line that runs `argv` and is killed when this process ends.

    Otherwise, the program could still write to a release while the next run of sitekit's command
    works on the same release. The program is killed even if this process ends by SIGKILL. `argv`
    begins with the path of the program.
    """
    return [sys.executable, "-I", "-S", "-c", _MORTAL, str(_PR_SET_PDEATHSIG), *map(str, argv)]


def send_event(event: Event) -> None:
    """Send one event, such as a progress message, to the parent process."""
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


def _ending(code: int) -> str:
    if code < 0:
        return f"the program was ended by {signal.Signals(-code).name} before it was done"
    return f"the program ended with code {code} before it was done"


def _tail(text: str) -> str:
    return "".join(f"\n    | {line}" for line in text.strip().splitlines()[-12:])
