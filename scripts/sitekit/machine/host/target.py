"""Define the class Target: a site, and the root folder of the machine on which `make apply`
installs the site."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ...site import Site


@dataclass(frozen=True)
class Target:
    """A site and the root folder of the machine's file tree. `root` is `/`, except in
    tests."""

    site: Site
    root: Path = Path("/")

    def on_disk(self, path: Path) -> Path:
        """Return the path of a file of the machine inside the file tree: `root` + `path`."""
        return self.root / path.relative_to("/")
