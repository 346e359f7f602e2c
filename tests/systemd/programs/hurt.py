"""Configuration of a hub: two things that the tests can ask of it by a signal."""

import signal
import time


def eat(*_: object) -> bytes:
    return b"x" * (1 << 30)


def hang(*_: object) -> None:
    time.sleep(3600)


signal.signal(signal.SIGALRM, eat)
signal.signal(signal.SIGUSR2, hang)
