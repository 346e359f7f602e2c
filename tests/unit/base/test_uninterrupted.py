"""Ctrl-C during a piece of work: the work ends first, and its programs do not notice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest

from sitekit.base.uninterrupted import uninterrupted


@pytest.mark.parametrize("threads", [0, 3], ids=["alone", "with threads"])
def test_ctrl_c_comes_after_the_work(threads: int) -> None:
    """Another thread, such as a progress bar's, may get the signal."""
    over = threading.Event()
    others = [threading.Thread(target=over.wait) for _ in range(threads)]
    for other in others:
        other.start()
    done = []
    try:
        with pytest.raises(KeyboardInterrupt):
            with uninterrupted():
                signal.raise_signal(signal.SIGINT)
                subprocess.run(["sh", "-c", f"kill -INT {os.getpid()}"], check=True)
                done.append("work")
            done.append("not reached")
    finally:
        over.set()
    assert done == ["work"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_program_does_not_get_the_signal_of_the_terminal() -> None:
    with uninterrupted():
        program = "import os, signal; os.kill(os.getpid(), signal.SIGINT); print('whole')"
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "whole\n")
