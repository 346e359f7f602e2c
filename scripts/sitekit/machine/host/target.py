"""A site on a machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ...site import Site


@dataclass(frozen=True)
class Target:
    """The site, and the file tree of the machine: below `root`, which is `/` but in tests."""

    site: Site
    root: Path = Path("/")

    def on_disk(self, path: Path) -> Path:
        """Where `path` of the machine lies."""
        return self.root / path.relative_to("/")
