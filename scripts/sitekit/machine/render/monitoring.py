"""Render the scrape configuration for Prometheus, and create the token with which Prometheus reads
the hub's metrics."""

from __future__ import annotations

import re
import secrets
from dataclasses import replace
from pathlib import Path

from ...base.templates import templates
from ...contracts.metrics_token import hub_token, prometheus_token, scrape_config
from ...site import Site
from ..host.file_to_write import File
from ..host.target import Target
from ..web.config import certificate

_TOKEN = re.compile(r"[0-9a-f]{64}\n")


def monitoring_files(site: Site) -> dict[Path, File]:
    """Return the scrape configuration. The scrape configuration contains the path of the token's
    file, but no secret."""
    trusted = certificate(site)[0] if site.front.certificate == "self-signed" else ""
    text = (
        templates("config/templates")
        .get_template("scrape.yml.j2")
        .render(site=site, token=prometheus_token(site), trusted=trusted)
    )
    return {scrape_config(site): File(text)}


def monitoring_paths(site: Site) -> set[Path]:
    """Return the paths of the two files that contain the token: one for the hub, one for
    Prometheus."""
    return {prometheus_token(site), hub_token(site)}


def monitoring_token(target: Target, *, afresh: bool = False) -> dict[Path, File]:
    """Return both files that contain the token. If both files already contain the same token, this
    token is kept; if not, a new token is created."""
    site = target.site
    made = f"{secrets.token_hex(32)}\n"
    files = {
        prometheus_token(site): File(made, 0o640, group_of=site.monitoring.prometheus_user),
        hub_token(site): File(made, 0o640, group_of=site.hub.user),
    }
    there = [target.on_disk(path) for path in files]
    texts = {path.read_text() if path.is_file() else "" for path in there}
    if afresh or len(texts) != 1 or not _TOKEN.fullmatch(next(iter(texts))):
        return files
    return {path: replace(file, content=next(iter(texts))) for path, file in files.items()}
