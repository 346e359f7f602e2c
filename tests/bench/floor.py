"""The floor of a start: the kit's own job script and environment, submitted by hand, with no hub
that waits for it."""

from __future__ import annotations

import json
import queue
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from sitekit.base.run_program import run

from .common import Bench
from .moments import uptime

JOB_NAME = "sitekit-bench-floor"
LOG = ".sitekit-bench.log"
# the other variables of Slurm's are this job's, not the gate's
KEPT = ("SLURM_CONF", "SLURM_TIME_FORMAT")


class Floor:
    """Starts a server as `user` with sbatch alone. A little HTTP server says what a hub would say
    to it."""

    def __init__(self, bench: Bench, user: str, tier: str) -> None:
        self._bench, self._user, self._tier = bench, user, bench.site.tier(tier)
        self._environment: dict[str, str] = {}
        self._ports: queue.Queue[int] = queue.Queue()
        self._hub = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self._ports))

    def __enter__(self) -> Floor:
        threading.Thread(target=self._hub.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._hub.shutdown()
        self._hub.server_close()
        self.stop()

    def start(self) -> tuple[float, float, int]:
        script = (self._bench.site.libexec / "job.sh").read_text()
        home = Path(self._environment["HOME"])
        words = [
            "--parsable",
            f"--partition={self._tier.partitions[0]}",
            f"--job-name={JOB_NAME}",
            f"--mem={self._tier.memory}M",
            f"--cpus-per-task={self._tier.cpus}",
            f"--time={self._tier.time // 60}",
            "--nodes=1",
            "--ntasks=1",
            "--no-requeue",
            f"--chdir={home}",
            f"--output={home / LOG}",
        ]
        asked = uptime()
        sbatch = self._bench.site.slurm.bin / "sbatch"
        done = run(
            [sbatch, *words], user=self._user, env=self._environment, stdin=script, cwd=Path("/")
        )
        port = self._ports.get(timeout=120)
        urllib.request.urlopen(f"http://127.0.0.1:{port}/user/{self._user}/api", timeout=30).close()
        return asked, uptime(), int(done.stdout.split(";")[0])

    def stop(self) -> None:
        self._bench.slurm("scancel", f"--name={JOB_NAME}")
        while self._bench.slurm("squeue", "--noheader", f"--name={JOB_NAME}"):
            time.sleep(0.3)
        if self._environment:
            (Path(self._environment["HOME"]) / LOG).unlink(missing_ok=True)

    def like(self, environment: dict[str, str]) -> None:
        """Take the environment of a job of ours for the next starts, with this hub's address in it,
        and without TLS."""
        ours = "{0.scheme}://{0.netloc}".format(urlsplit(environment["JUPYTERHUB_API_URL"]))
        self._environment = {
            key: value.replace(ours, f"http://127.0.0.1:{self._hub.server_address[1]}")
            for key, value in environment.items()
            if (not key.startswith(("SLURM", "SBATCH")) or key in KEPT)
            and key != "JUPYTERHUB_SITEKIT_TLS"
        }


def _handler(ports: queue.Queue[int]) -> type[BaseHTTPRequestHandler]:
    class Hub(BaseHTTPRequestHandler):
        """GET: a version. POST: taken; a port is noted."""

        def do_GET(self) -> None:
            body = b'{"version": "0"}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
            if self.path.endswith("/sitekit/listening"):
                ports.put(body["port"])
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    return Hub
