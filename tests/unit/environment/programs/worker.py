"""Work in a program of its own, which ends well or badly as the request says."""

import json
import os
import signal
import time

from sitekit.base.errors import Problem
from sitekit.base.module_in_child_process import send_event, serve


def work(request: object) -> list[object]:
    if request == "problem":
        raise Problem("the disk is full", "/shared", "make room")
    if request == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if request == "error":
        raise ValueError("not foreseen")
    if request == "sleep":
        send_event({"advance": 1})
        time.sleep(600)
    send_event({"advance": 1})
    if request == "late crash":
        print(json.dumps({"answer": "done"}), flush=True)
        os.kill(os.getpid(), signal.SIGSEGV)
    return [request, oct(os.umask(0))]


serve(work)
