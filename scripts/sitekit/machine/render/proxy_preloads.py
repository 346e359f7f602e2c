"""List the JavaScript files that Node.js loads before configurable-http-proxy starts.

Each JavaScript file changes one behaviour of the proxy.
"""

from __future__ import annotations

from pathlib import Path

from ...base.data_files import data
from ...contracts.internal_tls import folder
from ...site import Site
from ..host.file_to_write import File


def changes(site: Site) -> tuple[str, ...]:
    """Return the names of the JavaScript files in proxy/ that this site's proxy loads."""
    # If each user's server has its own host name, browsers already separate the pages of different
    # users. Therefore owners.mjs is not needed.
    return (
        ("tls.mjs", "away.mjs") if site.front.subdomains else ("tls.mjs", "owners.mjs", "away.mjs")
    )


def preloaded(site: Site) -> dict[Path, File]:
    """Return the JavaScript files that Node.js loads, and the files that they import, for a folder
    that only root can change."""
    names = ("class.mjs", *([] if site.front.subdomains else ["ended.mjs"]), *changes(site))
    return {
        site.libexec / "proxy" / name: File(data(f"proxy/{name}").read_text(encoding="utf-8"))
        for name in names
    }


def node_options(site: Site) -> dict[str, str]:
    """Return the environment variables with which Node.js loads the JavaScript files before the
    proxy.

    If one of the JavaScript files cannot be loaded, the proxy does not start.
    """
    options = " ".join(f"--import={site.libexec}/proxy/{name}" for name in changes(site))
    return {"NODE_OPTIONS": options, "SITEKIT_INTERNAL": str(folder(site))}
