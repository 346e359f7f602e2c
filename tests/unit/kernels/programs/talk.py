"""Start a kernel three times, one after another: ask it for two cells, shut it down, and tell what
came of each."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from jupyter_client import BlockingKernelClient, write_connection_file


def talk(launch: str, name: str, place: Path) -> dict[str, object]:
    """Whether it was alive after two cells, how it ended, and its answers."""
    # Unix sockets: another program may take a port before the kernel does
    file, _ = write_connection_file(str(place), transport="ipc", ip=str(place.with_suffix("")))
    process = subprocess.Popen([launch, name, "-f", file], stderr=subprocess.DEVNULL)
    try:
        client = BlockingKernelClient(connection_file=file)
        client.load_connection_file()
        # without the heartbeat: one that is late by a second counts as a dead kernel
        client.start_channels(hb=False)
        client.wait_for_ready(timeout=180)
        answers = []
        for code in ("1 + 1", "import os"):
            answer = client.execute_interactive(code, timeout=120, output_hook=print)
            answers.append(answer["content"])
        alive = process.poll() is None
        client.shutdown()
        ended = process.wait(120)
        client.stop_channels()
    finally:
        process.kill()
    return {"alive": alive, "code": ended, "answers": answers}


launch, name = sys.argv[1:]
with tempfile.TemporaryDirectory() as folder:  # the path of a Unix socket must be short
    told = [talk(launch, name, Path(folder, f"{number}.json")) for number in range(3)]
print("\n" + json.dumps(told))
