"""Define where `make apply` puts the token with which Prometheus reads the hub's metrics."""

from __future__ import annotations

from pathlib import Path

from ..site import Site


def folder(site: Site) -> Path:
    """Return the folder of the files for Prometheus."""
    return site.etc / "monitoring"


def prometheus_token(site: Site) -> Path:
    """Return the file that root, and the group of Prometheus' account, can read."""
    return folder(site) / "token"


def hub_token(site: Site) -> Path:
    """Return the file with the same token that only root and the hub can read."""
    return folder(site) / "hub_token"


def scrape_config(site: Site) -> Path:
    """Return the file with the scrape configuration for Prometheus."""
    return folder(site) / "scrape.yml"


def read_token(path: Path) -> str:
    """Return the token; "" if the file does not exist. Raises OSError if it may not be read."""
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        return ""
