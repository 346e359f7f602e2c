"""Run a Python module as a child process: one request in, events and an answer out, as JSON."""

from __future__ import annotations

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
from typing import Any, NoReturn

from .command import Argv, piped
from .errors import Problem

Event = dict[str, Any]

_PR_SET_PDEATHSIG = 1  # prctl(2)


def ask(
    module: str,
    request: Event,
    on_event: Callable[[Event], None] = lambda _: None,
    *,
    timeout: float,
) -> Any:
    """Run `python -m module` with `request`; return its answer. `timeout` is in seconds.

    An answer counts even if the program crashes afterwards: rattler sometimes dies of a signal
    while Python ends, after a complete installation. Raises Problem if the program reports one,
    ends without an answer, or takes too long.
    """
    answer: Event | None = None
    places = [str(Path(__file__).resolve().parents[2]), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, places))}
    argv = [sys.executable, "-m", module]
    with tempfile.TemporaryFile("w+") as errors:
        child = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=environment,
            umask=0o022,
        )
        requests, events = piped(child.stdin), piped(child.stdout)
        timer = threading.Timer(timeout, child.kill)
        timer.start()
        try:
            try:
                json.dump(request, requests)
                requests.close()
            except BrokenPipeError:
                pass  # the program ended at once; its output has the reason
            for line in events:
                event = json.loads(line)
                if "answer" in event or "problem" in event:
                    answer = event
                else:
                    on_event(event)
            child.wait()
        finally:
            timer.cancel()
            child.kill()
            child.wait()
            events.close()
        if answer is None:
            errors.seek(0)
            raise Problem(
                f"{_ending(child.returncode)}{_tail(errors.read())}",
                remedy="run the same command again",
            )
    if "problem" in answer:
        raise Problem(*answer["problem"])
    return answer["answer"]


def serve(work: Callable[[Event], Any]) -> NoReturn:
    """Answer a request, in the child process: read it, do the `work`, write the answer, and exit.

    The child is killed when its parent ends, so that it does not hold the prefix any longer.
    os._exit skips Python's clean-up, in which rattler's threads can crash (SIGSEGV, 1 in 30).
    """
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    try:
        reply: Event = {"answer": work(json.load(sys.stdin))}
    except Problem as problem:
        reply = {"problem": [problem.what, problem.where, problem.remedy]}
    tell(reply)
    sys.stderr.flush()
    os._exit(0)


_MORTAL = "import ctypes, os, sys; ctypes.CDLL(None).prctl(int(sys.argv[1]), 9); os.execv(sys.argv[2], sys.argv[2:])"


def mortal(argv: Argv) -> list[str]:
    """Return a command line for a program that is killed when this process ends, even by SIGKILL.

    Otherwise it could continue to write to a release that the next run works on. `argv` begins with
    a path.
    """
    return [sys.executable, "-I", "-S", "-c", _MORTAL, str(_PR_SET_PDEATHSIG), *map(str, argv)]


def tell(event: Event) -> None:
    """Send an event to the parent process."""
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


def _ending(code: int) -> str:
    """Describe how the child ended."""
    if code < 0:
        return f"the program was ended by {signal.Signals(-code).name} before it was done"
    return f"the program ended with code {code} before it was done"


def _tail(text: str) -> str:
    """Return the last lines of a text, indented."""
    return "".join(f"\n    | {line}" for line in text.strip().splitlines()[-12:])
