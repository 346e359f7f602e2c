"""Run Debian's Prometheus with the rendered scrape configuration, and ask it what Grafana would ask."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from sitekit.contracts.metrics_token import scrape_config
from sitekit.site import Site

from .alerts import RULES
from .conftest import CHECKOUT
from .slurm import until

BOARDS = sorted((CHECKOUT / "config/monitoring").glob("*.json"))
"""The files with dashboards for Grafana."""


@contextmanager
def prometheus(site: Site, folder: Path) -> Iterator[httpx.Client]:
    """Run a Prometheus that reads the hub each second; yield a client of its API."""
    scrape = scrape_config(site).read_text().replace("interval: 30s", "interval: 1s")
    config = folder / "prometheus.yml"
    config.write_text(f"global: {{evaluation_interval: 1s}}\nrule_files: [{RULES}]\n{scrape}")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    words = [f"--config.file={config}", f"--storage.tsdb.path={folder}/data"]
    words.append(f"--web.listen-address={address}")
    with (folder / "log").open("w") as log:
        program = subprocess.Popen(["prometheus", *words], stdout=log, stderr=log)
    try:
        with httpx.Client(base_url=f"http://{address}/api/v1") as client:
            until(lambda: answers(client))
            yield client
    finally:
        program.terminate()
        program.wait(120)


def answers(client: httpx.Client) -> bool:
    try:
        return client.get("/targets").status_code == 200
    except httpx.TransportError:
        return False


def variables(query: str) -> str:
    """The query as Grafana sends it."""
    return query.replace("$__rate_interval", "1m").replace("$site", ".*")
