"""What Node.js loads before configurable-http-proxy: files of ours, each of which changes one thing
of it. Pure."""

from __future__ import annotations

from pathlib import Path

from ...base.data import data
from ...contracts.internal_tls import folder
from ...site import Site
from ..host.file import File


def changes(site: Site) -> tuple[str, ...]:
    """The files in the folder proxy/ that this site's proxy is changed by."""
    # With a name for each user's server, browsers keep the pages of users apart by themselves.
    return (
        ("tls.mjs", "away.mjs") if site.front.subdomains else ("tls.mjs", "owners.mjs", "away.mjs")
    )


def preloaded(site: Site) -> dict[Path, File]:
    """These, and what they share, where root alone can change them."""
    names = ("class.mjs", *([] if site.front.subdomains else ["ended.mjs"]), *changes(site))
    return {
        site.libexec / "proxy" / name: File(data(f"proxy/{name}").read_text(encoding="utf-8"))
        for name in names
    }


def node_options(site: Site) -> dict[str, str]:
    """Variables that tell Node.js and these files. A file that cannot be loaded ends the proxy at
    its start."""
    told = " ".join(f"--import={site.libexec}/proxy/{name}" for name in changes(site))
    return {"NODE_OPTIONS": told, "SITEKIT_INTERNAL": str(folder(site))}
