"""Read data of the demo's processes, as root.

Processes of other sites, and other programs of the same name, may run at the same time.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from sitekit.site import Site


def environment_of(process: int | str) -> dict[str, str]:
    """Return the environment with which a process was started."""
    text = Path(f"/proc/{process}/environ").read_bytes().decode(errors="replace")
    return dict(line.split("=", 1) for line in text.split("\0") if "=" in line)


def culler_token(site: Site) -> str:
    """Return the API token of this site's idle-culler, found by the address of this site's hub."""
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if (
                not folder.name.isdigit()
                or b"jupyterhub_idle_culler" not in (folder / "cmdline").read_bytes()
            ):
                continue
            given = environment_of(folder.name)
            if (
                f":{site.hub.port}/" in given.get("JUPYTERHUB_API_URL", "")
                and "JUPYTERHUB_API_TOKEN" in given
            ):
                return given["JUPYTERHUB_API_TOKEN"]
    raise AssertionError(f"no culler of the site {site.name} runs")
