"""A copy of the checkout with another environment.yml and another site file.

Tests that change releases use the copy.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from sitekit.site import Site, load_site

TOP = Path(__file__).resolve().parents[1]
CACHES = ("__pycache__", ".hypothesis", ".*_cache")
"""Folders of the checkout into which other tests write while it is copied."""
OURS = ("PYTHONPATH", "KIT_TEST", "PYTHON", "SITE", "BUNDLE")


class Checkout:
    """Copy the checkout into `folder`.

    `site` is the text of the copy's site file, and `environment` the text of the copy's
    environment.yml. The copy uses the Python of the original checkout.
    """

    def __init__(self, folder: Path, site: str, environment: str) -> None:
        self.folder, self.file = folder, folder / "config/site.yml"
        left_out = shutil.ignore_patterns(
            ".git", ".kit*", "tests", "docs", "environment.*", *CACHES
        )
        shutil.copytree(TOP, folder, ignore=left_out, symlinks=True)
        (folder / ".kit").symlink_to(TOP / ".kit")
        self.file.write_text(site)
        (folder / "environment.yml").write_text(environment)

    @property
    def site(self) -> Site:
        return load_site(self.file)

    def start(self, *words: str, before: Sequence[str] = (), **more: str) -> subprocess.Popen[str]:
        """Start `make` with the arguments `words`, and do not wait for it.

        `before` is put before `make` on the command line, for example `unshare -n`.
        """
        environment = {key: value for key, value in os.environ.items() if key not in OURS}
        return subprocess.Popen(
            [*before, "make", *words], cwd=self.folder, env={**environment, **more}, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip

    def make(self, *words: str, before: Sequence[str] = (), code: int = 0, **more: str) -> str:
        """Run `make` until it ends, and return its output.

        The exit code must be `code`. make exits with 2 after every failure.
        """
        started = self.start(*words, before=before, **more)
        said, _ = started.communicate(timeout=900)
        assert started.returncode == code, said
        return said
