"""Start kernels as a user's server does, run code in each kernel, and report the results.

The release's Python runs this program. The program reads `{"starts": [{"id", "environment", "argv",
"env", "home", "code": [...], "timeout"}], "parallel": N}` on stdin. N is the number of kernels that
start at the same time. If "parallel" is missing, two kernels per core start at the same time. The
program prints one line of JSON for each start: `{"id", "environment", "seconds"}`. If the start
failed, the line also contains `"reason"`. Otherwise, the line also contains `"printed"`,
`"modules"` (LOADEDMODULES of the process) and `"implementation"`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from typing import Any

from jupyter_client.asynchronous import AsyncKernelClient

try:
    USER = pwd.getpwuid(os.geteuid()).pw_name
except KeyError:
    USER = str(os.geteuid())
PORTS = ("shell_port", "iopub_port", "stdin_port", "control_port", "hb_port")
LONGEST = 80
"""The longest path of a folder for sockets, in bytes. The path of a Unix socket has at most 107
bytes (unix(7))."""


class Failed(Exception):
    """Report why the test of a kernel failed."""


def connection(place: str) -> dict[str, Any]:
    """Return the content of a new Jupyter connection file.

    The connection uses Unix sockets in the folder `place`, as users' servers do
    (session/kernels/kernel_sockets.py).
    """
    numbered = {name: number for number, name in enumerate(PORTS, 1)}
    common = {
        "ip": os.path.join(place, "s"),
        "transport": "ipc",
        "signature_scheme": "hmac-sha256",
        "kernel_name": "",
    }
    return {**common, **numbered, "key": uuid.uuid4().hex}


async def start(request: dict[str, Any], scratch: str) -> dict[str, Any]:
    """Start one kernel, run the code in the kernel, end the kernel, and return the result."""
    began = time.monotonic()
    place = tempfile.mkdtemp(dir=scratch)
    home = shutil.copytree(request["home"], os.path.join(place, "home"), symlinks=True)
    info = connection(place)
    file = os.path.join(place, "connection.json")
    with open(file, "w") as out:
        json.dump(info, out)
    argv = [word.replace("{connection_file}", file) for word in request["argv"]]
    env = {name: value.replace("{home}", home) for name, value in request["env"].items()}
    result = {"id": request["id"], "environment": request["environment"]}
    with open(os.path.join(place, "log"), "w+b") as log:
        client = AsyncKernelClient()
        process = None
        try:
            process = subprocess.Popen(
                argv,
                env={"USER": USER, "LOGNAME": USER, **env, "HOME": home},
                cwd=home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            client.load_connection_info(info)
            client.start_channels(hb=False)
            result |= await asyncio.wait_for(
                converse(client, process, request["code"]), request["timeout"]
            )
        except asyncio.TimeoutError:
            result["reason"] = f"no answer within {request['timeout']} s{said(log)}"
        except (Failed, OSError) as error:
            result["reason"] = f"{error}{said(log)}"
        finally:
            client.stop_channels()
            if process is not None:
                await end(process)
    shutil.rmtree(place, ignore_errors=True)
    return {**result, "seconds": round(time.monotonic() - began, 2)}


async def end(process: subprocess.Popen[bytes]) -> None:
    """End the kernel with SIGTERM. If the kernel does not end, end it with SIGKILL.

    SIGKILL is not sent at once, because SIGKILL would end only Docker's client, and the container
    would still run.
    """
    try:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        for _ in range(100):
            if process.poll() is not None:
                break
            await asyncio.sleep(0.02)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


async def converse(
    client: AsyncKernelClient, process: subprocess.Popen[bytes], code: list[str]
) -> dict[str, Any]:
    """Wait until the kernel answers, run each piece of code in the kernel, and return the printed
    text."""
    info = await ready(client, process)
    if info["implementation"] == "sitekit-tombstone":
        raise Failed(info["banner"])
    with open(f"/proc/{process.pid}/environ", "rb") as file:
        environ = dict(item.split(b"=", 1) for item in file.read().split(b"\0") if b"=" in item)
    printed = [await execute(client, process, piece) for piece in code]
    modules = environ.get(b"LOADEDMODULES", b"").decode("utf-8", "replace")
    return {"printed": printed, "modules": modules, "implementation": info["implementation"]}


async def ready(client: AsyncKernelClient, process: subprocess.Popen[bytes]) -> dict[str, Any]:
    """Wait until the kernel answers, and until the kernel's output arrives. Return the kernel's
    answer to kernel_info_request."""
    content = None
    while True:
        request = client.kernel_info()
        # Until the kernel's sockets exist, the request waits in this program's socket. If the
        # kernel sends output before this program has subscribed to it, the output is lost.
        # Therefore the request is repeated.
        while content is None:
            message = await reply(client.get_shell_msg, process)
            if message["parent_header"].get("msg_id") == request:
                content = message["content"]
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(client.get_iopub_msg(), 0.3)
            return content


async def execute(client: AsyncKernelClient, process: subprocess.Popen[bytes], code: str) -> str:
    """Run `code` and return its output. Raises Failed with the kernel's error."""
    request = client.execute(code, store_history=False, allow_stdin=False)
    text, error = "", None
    while True:
        message = await reply(client.get_iopub_msg, process)
        if message["parent_header"].get("msg_id") != request:
            continue
        kind, content = message["msg_type"], message["content"]
        if kind == "stream" and content["name"] == "stdout":
            text += content["text"]
        elif kind == "error":
            error = f"{content['ename']}: {content['evalue']}"
        elif kind == "status" and content["execution_state"] == "idle":
            if error:
                raise Failed(f"`{code.splitlines()[0]}` ended with {error}")
            return text


async def reply(get: Any, process: subprocess.Popen[bytes]) -> dict[str, Any]:
    """Return the kernel's next message. Raises Failed as soon as the process has ended."""
    waiting = asyncio.ensure_future(get())
    try:
        while not (await asyncio.wait([waiting], timeout=0.25))[0]:
            if process.poll() is not None:
                raise Failed(f"it ended with code {process.returncode}")
        return waiting.result()
    finally:
        waiting.cancel()


def said(log: Any) -> str:
    """Return the last lines of the kernel's log."""
    log.seek(0)
    lines = log.read().decode("utf-8", "replace").strip().splitlines()[-6:]
    return "".join("\n" + line for line in lines)


async def main() -> None:
    """Start all requested kernels, and print the results."""
    job = json.load(sys.stdin)
    short = len(tempfile.gettempdir()) < LONGEST - len("/kernels-12345678/tmp12345678")
    scratch = tempfile.mkdtemp(prefix="kernels-", dir=None if short else "/tmp")  # noqa: S108
    turn = asyncio.Semaphore(job.get("parallel") or 2 * len(os.sched_getaffinity(0)))

    async def one(request: dict[str, Any]) -> None:
        async with turn:
            print(json.dumps(await start(request, scratch)), flush=True)

    # The first signal ends the kernels. A second signal must not interrupt the end of the kernels.
    everything = asyncio.gather(*(one(request) for request in job["starts"]))
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, everything.cancel)
    try:
        await everything
    except asyncio.CancelledError:
        print("interrupted", file=sys.stderr)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    asyncio.run(main())
    # Python's normal exit is not used, because ZeroMQ would wait for messages that nobody reads.
    sys.stdout.flush()
    os._exit(0)
