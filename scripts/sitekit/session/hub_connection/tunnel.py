"""Keep an SSH connection (a tunnel) to the hub's machine open. Sites use tunnels if the hub cannot
connect to the compute nodes. The connection forwards a port on the hub's machine to this server,
and a port of this node to the hub. The hub sends the SSH key, the certificate and the host key in
the job's environment, like the server's token. Key and certificate are only in memory, and never in
a file on a disk or on a command line. ssh reads no configuration of the user or of the node.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from typing import Any
from urllib.parse import urlsplit, urlunsplit

SENT = "JUPYTERHUB_SITEKIT_TUNNEL"
ADDRESSES = ("JUPYTERHUB_API_URL", "JUPYTERHUB_ACTIVITY_URL")
"""The environment variables that contain URLs of the hub."""
HERE = "127.0.0.1"
SSH = ("/usr/bin/ssh", f"{sys.prefix}/bin/ssh")
"""The possible paths of ssh: on the node or in the image, and in the environment of an image's
Python."""
FIRST, LONGEST = 1.0, 15.0  # seconds between two connections
UP = 20.0  # seconds that the start waits for the first connection

RUN = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.getppid() == int(sys.argv[1]):
    os.execv(sys.argv[2], sys.argv[2:])
"""
"""Run ssh in such a way that ssh ends when the server's process ends (prctl(2), PR_SET_PDEATHSIG).

Slurm sends SIGTERM to all processes of a job. ssh ignores SIGTERM, because after SIGTERM the server
still reports its end to the hub through the tunnel.
"""


class Tunnel:
    """Keep the SSH connection open. `sent` contains the settings of the tunnel, which the hub has
    sent: key, certificate, host key and ports."""

    def __init__(self, sent: str) -> None:
        self._to: dict[str, Any] = json.loads(sent)
        # ssh closes inherited files. Therefore ssh opens these files by a path with this process's
        # id.
        self._key = _in_memory(self._to["key"])
        self._certificate = _in_memory(self._to["certificate"])
        self._known_hosts = _in_memory(f"hub {self._to['host_key']}")
        self._port = _reserved_port()
        self._told = ""

    def open(self, port: int) -> None:
        """Open the tunnel, and change the hub's URLs in JupyterHub's variables to the tunnel's port
        on this node.

        `port` is the port of this server. If there is no connection within UP seconds, this
        function returns without an error. await_hub() then reports that the hub does not answer.
        """
        hub_port = urlsplit(os.environ["JUPYTERHUB_API_URL"]).port
        words = self._command(port, hub_port or 443)
        for name in ADDRESSES:
            url = urlsplit(os.environ[name])
            os.environ[name] = urlunsplit(url._replace(netloc=f"{HERE}:{self.port}"))
        threading.Thread(target=self._keep, args=(words,), name="tunnel", daemon=True).start()
        end = time.monotonic() + UP
        while time.monotonic() < end and not self._told and not _answers(self.port):
            time.sleep(0.1)

    @property
    def port(self) -> int:
        """Return the port of this node that is forwarded to the hub."""
        return int(self._port.getsockname()[1])

    def _command(self, port: int, hub_port: int) -> list[str]:
        """Return the command line with which ssh opens the tunnel."""
        options = {
            "BatchMode": "yes",
            "IdentitiesOnly": "yes",
            "IdentityAgent": "none",
            "IdentityFile": self._key,
            "CertificateFile": self._certificate,
            "PreferredAuthentications": "publickey",
            "UserKnownHostsFile": self._known_hosts,
            "GlobalKnownHostsFile": "/dev/null",
            "HostKeyAlias": "hub",
            "StrictHostKeyChecking": "yes",
            "UpdateHostKeys": "no",
            "CheckHostIP": "no",
            "ControlMaster": "no",
            "ControlPath": "none",
            "ExitOnForwardFailure": "yes",
            "ConnectTimeout": "15",
            "ServerAliveInterval": "15",
            "ServerAliveCountMax": "3",
            "TCPKeepAlive": "no",
            "LogLevel": "ERROR",
            "RemoteForward": f"{HERE}:{self._to['listen']} {HERE}:{port}",
            "LocalForward": f"{HERE}:{self.port} {HERE}:{hub_port}",
        }
        words = [
            ssh_program(),
            "-N",
            "-F",
            "/dev/null",
            "-p",
            str(self._to["port"]),
            "-l",
            self._to["user"],
        ]
        for name, value in options.items():
            words += ["-o", f"{name}={value}"]
        return [*words, "--", self._to["host"]]

    def _keep(self, words: list[str]) -> None:
        """Start ssh again whenever the SSH connection has ended, until the server ends."""
        pause = FIRST
        while True:
            began = time.monotonic()
            trouble = _connection(words)
            if time.monotonic() - began > LONGEST:
                pause, self._told = FIRST, ""
            # an error that repeats is logged only once, because a card shows the last lines of this
            # log
            if trouble != self._told:
                place = f"{self._to['host']}, port {self._to['port']}"
                print(f"sitekit: no tunnel to {place}: {trouble}; trying again", flush=True)
            self._told = trouble
            time.sleep(pause)
            pause = min(LONGEST, 2 * pause)


def take_tunnel() -> Tunnel | None:
    """Remove the environment variable with the tunnel's settings, and return the settings as a
    Tunnel. Returns None if the site has no tunnels.
    """
    sent = os.environ.pop(SENT, "")
    return Tunnel(sent) if sent else None


def ssh_program() -> str:
    """Return the path of ssh. If ssh is not installed, return the first possible path.
    _connection() then reports the error."""
    return next((path for path in SSH if os.access(path, os.X_OK)), SSH[0])


def _connection(words: list[str]) -> str:
    """Run ssh until the SSH connection ends, and return the last error message of ssh."""
    if not os.access(words[0], os.X_OK):
        return f"there is no {words[0]} on {socket.gethostname()}"
    wrapped = [sys.executable, "-I", "-S", "-c", RUN, str(os.getpid()), *words]
    done = subprocess.run(
        wrapped,
        env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )
    lines = done.stderr.strip().splitlines()
    return lines[-1][:500] if lines else f"ssh has ended with exit code {done.returncode}"


def _in_memory(text: str) -> str:
    """Return the path of a file in memory, which only processes of this user can open."""
    file = os.memfd_create("sitekit-tunnel")
    os.fchmod(file, 0o600)
    os.write(file, f"{text.strip()}\n".encode())
    return f"/proc/{os.getpid()}/fd/{file}"


def _reserved_port() -> socket.socket:
    """Return a socket with a free port of this node, which does not listen.

    While the socket is open, no other program gets this port by chance. Because the socket that
    reserves the port, and ssh, both set SO_REUSEADDR, ssh can listen on the same port.
    """
    reserved = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reserved.bind((HERE, 0))
    return reserved


def _answers(port: int) -> bool:
    """Return whether a program accepts connections on a port of this node."""
    try:
        socket.create_connection((HERE, port), 1).close()
    except OSError:
        return False
    return True
