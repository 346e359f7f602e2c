"""Build the documentation as a static site with Sphinx (`make docs`)."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import sys
import tempfile
from functools import partial
from pathlib import Path

from ...base.data_files import CHECKOUT
from ...base.errors import BadInput, Problem, shown
from ...base.progress import say, step
from ...base.run_program import Arg, CommandFailed, run
from ...environment.release.lock_and_check_prefix import open_prefix
from ...environment.release.remove_releases import DOCS_MARK
from ...site import Site
from . import this_site

_DOCS = CHECKOUT / "docs"
_COPIED = (
    "*.md",
    "LICENSE",
    "docs/**/*.md",
    "docs/**/*.png",
    "docs/**/*.svg",
    "config/sites/*.yml",
)
_CONTENTS = {
    "For users": ("this-site", "users", "kernels-for-users"),
    "For administrators": (
        "administrators", "site-keys", "commands", "troubleshooting", "doctor", "coming-from-elsewhere",
        "servers", "kernels", "releases", "machine", "installer-actions", "updating", "login", "front",
        "security", "internal-tls", "ssh", "tunnels", "local-servers", "images", "applications", "ipyparallel",
        "courses", "workshop-accounts", "operating", "monitoring", "drill", "performance", "benchmarks",
        "platforms",
        "sites/comet-globus", "sites/comet-xsede",
        "sites/gateway-workshop", "sites/workshop-vm",
    ),
    "About sitekit": ("comparison", "limits", "developers"),
}  # fmt: skip
"""The table of contents: title of a group -> pages. Sphinx reports an error for a page that is in
no group."""
_TOP = ("CONTRIBUTING", "SECURITY", "CHANGELOG")
_INLINE = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def docs(site: Site, *words: str) -> int:
    """Build the documentation into PREFIX/docs, or into the folder that the argument TO names.
    Returns 0. Raises BadInput or Problem."""
    given = dict(word.partition("=")[::2] for word in words)
    if given.keys() - {"TO"} or "" in given.values():
        raise BadInput(f"{shown(words[0])} is not TO=folder", "docs", "make docs TO=folder")
    if importlib.util.find_spec("furo") is None:
        what = f"the packages for the documentation need Python 3.11, and this is {sys.version[:4]}"
        raise Problem(what, remedy="make docs PYTHON=python3.11")
    if "TO" in given:
        build_into(site, Path(given["TO"]).absolute())
        return 0
    with open_prefix(site):
        build_into(site, site.docs)
    say("    The hub shows it at /hub/sitekit/docs/ to users who are logged in.")
    return 0


def build_into(site: Site, target: Path) -> None:
    """Build the documentation, and replace the folder `target` with it.

    Raises BadInput if the folder exists, and `make docs` has not created it. Raises Problem if a
    page has an error.
    """
    if target.is_symlink() or (target.exists() and not (target / DOCS_MARK).is_file()):
        raise BadInput("this is no documentation of sitekit's", str(target), "name another folder")
    if not target.parent.is_dir():
        raise BadInput("there is no such folder", str(target.parent), "create it first")
    with tempfile.TemporaryDirectory(prefix=".docs-", dir=target.parent) as folder:
        fresh = Path(folder) / "new"
        with step("build the documentation"):
            _copy_pages(site, Path(folder) / "pages")
            run_sphinx(Path(folder))
            _finish(fresh)
        if target.exists():
            os.rename(target, Path(folder) / "old")
        os.rename(fresh, target)
    say(f" ok wrote {target}")


def _copy_pages(site: Site, pages: Path) -> None:
    """Copy the pages of docs/ and the files to which they link. Add the table of contents and the
    page about this site."""
    for pattern in _COPIED:
        for source in CHECKOUT.glob(pattern):
            copy = pages / source.relative_to(CHECKOUT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, copy)
    (pages / "docs" / "this-site.md").write_text(this_site.page(site))
    groups = {title: [f"docs/{name}" for name in names] for title, names in _CONTENTS.items()}
    groups["About sitekit"] += _TOP
    with (pages / "README.md").open("a") as start:
        for title, names in groups.items():
            listed = "\n".join(names)
            start.write(f"\n```{{toctree}}\n:hidden:\n:caption: {title}\n\n{listed}\n```\n")


def run_sphinx(folder: Path) -> None:
    """Build the pages with Sphinx. Each warning of Sphinx counts as an error. Raises Problem with
    the messages."""
    pages, state, fresh = folder / "pages", folder / "state", folder / "new"
    options: list[Arg] = ["-q", "-W", "--keep-going", "-b", "html", "-c", _DOCS, "-d", state]
    argv = [sys.executable, "-I", "-B", "-m", "sphinx", *options, pages, fresh]
    try:
        run(argv, timeout=300)
    except CommandFailed as error:
        text = error.output.replace(f"{pages}/", "").strip()
        raise Problem(f"the pages have errors:\n{text}", "docs", "correct the pages") from None


def _finish(fresh: Path) -> None:
    """Move scripts in the HTML pages to files, because the hub's Content-Security-Policy allows
    scripts only in files. After that, set the file modes of the built documentation."""
    for page in fresh.rglob("*.html"):
        up = "../" * (len(page.relative_to(fresh).parts) - 1)
        page.write_text(_INLINE.sub(partial(_as_file, fresh, up), page.read_text()))
    for name in (".buildinfo", "objects.inv"):
        (fresh / name).unlink(missing_ok=True)
    shutil.copyfile(fresh / "README.html", fresh / "index.html")
    (fresh / DOCS_MARK).write_text("`make docs` replaces this folder.\n")
    for path in [fresh, *fresh.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)


def _as_file(fresh: Path, up: str, found: re.Match[str]) -> str:
    """Write the script in the match `found` to a file; return the HTML element that loads this
    file. `up` is the relative path to the top folder."""
    script = found[1]
    name = f"inline-{hashlib.sha256(script.encode()).hexdigest()[:12]}.js"
    (fresh / "_static" / name).write_text(script)
    return f'<script src="{up}_static/{name}"></script>'
