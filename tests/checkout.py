"""A copy of the checkout with an environment.yml and a site file of its own, for tests that change
releases."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from sitekit.site import Site, load_site

TOP = Path(__file__).resolve().parents[1]
OURS = ("PYTHONPATH", "KIT_TEST", "PYTHON", "SITE", "BUNDLE")


class Checkout:
    """`site` is the text of its site file, `environment` that of its environment.yml; it borrows
    the kit's Python."""

    def __init__(self, folder: Path, site: str, environment: str) -> None:
        self.folder, self.file = folder, folder / "config/site.yml"
        left_out = shutil.ignore_patterns(
            ".git", ".kit*", "tests", "docs", "environment.*", "__pycache__"
        )
        shutil.copytree(TOP, folder, ignore=left_out, symlinks=True)
        (folder / ".kit").symlink_to(TOP / ".kit")
        self.file.write_text(site)
        (folder / "environment.yml").write_text(environment)

    @property
    def site(self) -> Site:
        return load_site(self.file)

    def start(self, *words: str, before: Sequence[str] = (), **more: str) -> subprocess.Popen[str]:
        """`make` with these words; `before` stands before it, as in `umask 002; ` or `unshare -n`."""
        environment = {key: value for key, value in os.environ.items() if key not in OURS}
        return subprocess.Popen(
            [*before, "make", *words], cwd=self.folder, env={**environment, **more}, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip

    def make(self, *words: str, before: Sequence[str] = (), code: int = 0, **more: str) -> str:
        """Run it to its end, which must be `code` (make's own is 2 for every failure); what it
        said."""
        started = self.start(*words, before=before, **more)
        said, _ = started.communicate(timeout=300)
        assert started.returncode == code, said
        return said
