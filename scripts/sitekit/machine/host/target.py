"""Define a target: a site on a machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ...site import Site


@dataclass(frozen=True)
class Target:
    """Hold the site, and the machine's file tree `root`, which is `/` except in tests."""

    site: Site
    root: Path = Path("/")

    def on_disk(self, path: Path) -> Path:
        """Return the path in the file tree for `path` of the machine."""
        return self.root / path.relative_to("/")
