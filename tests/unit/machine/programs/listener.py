"""Listen on a port; note first, in a file, the environment; end only once a file is there,
where a third word names one."""

import os
import signal
import socket
import sys
import time
from pathlib import Path

port, noted, *late = sys.argv[1:]


def end(*_: object) -> None:
    while not Path(late[0]).exists():
        time.sleep(0.05)
    sys.exit(0)


if late:
    signal.signal(signal.SIGTERM, end)
words = [os.environ.get(name, "-") for name in ("SECRET", "PLAIN", "LEAK")]
Path(noted).write_text(" ".join([*words, os.getcwd()]))
print("listening", flush=True)
made = socket.create_server(("127.0.0.1", int(port)))
while True:
    made.accept()[0].close()
