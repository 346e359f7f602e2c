"""Define the paths of the files for Prometheus: the token with which Prometheus reads the hub's
metrics, and the scrape configuration."""

from __future__ import annotations

from pathlib import Path

from ..site import Site


def folder(site: Site) -> Path:
    """Return the folder of the files for Prometheus."""
    return site.etc / "monitoring"


def prometheus_token(site: Site) -> Path:
    """Return the path of the token file that root and the group of Prometheus' Unix account can
    read."""
    return folder(site) / "token"


def hub_token(site: Site) -> Path:
    """Return the path of the token file that only root and the hub can read. The hub's token file
    and the token file of Prometheus contain the same token."""
    return folder(site) / "hub_token"


def scrape_config(site: Site) -> Path:
    """Return the path of the scrape configuration for Prometheus."""
    return folder(site) / "scrape.yml"


def read_token(path: Path) -> str:
    """Return the token; "" if the file does not exist. Raises OSError if the account of this
    process is not allowed to read the file."""
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        return ""
