"""Remove releases. Packages in the cache that no release needs are also removed.

Even if a removal is interrupted, no part of the release is left among the releases.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from ...site import Site
from .install_packages import wheels_name
from .releases import HISTORY, Release, releases

_GONE = "removed-"
DOCS_MARK = "documentation-of-sitekit"
"""This file marks a folder that `make docs` has written."""


def remove(release: Release, cache: Path) -> None:
    """Remove a release. The release is first renamed. Therefore a partly removed release is never
    used."""
    gone = cache / f"{_GONE}{release.name}"
    shutil.rmtree(gone, ignore_errors=True)
    os.rename(release.path, gone)
    shutil.rmtree(gone)


def clean_cache(site: Site, cache: Path) -> None:
    """Remove files from the cache that no release needs. The function also completes interrupted
    removals of releases."""
    needed = {"lock", "packages", "repodata"}
    packages = set()
    for release in releases(site):
        packages |= {f"{p['name']}-{p['version']}-{p['build']}" for p in release.facts["packages"]}
        needed |= {Path(channel).name for channel in release.facts["source"]["channels"]}
        needed.add(wheels_name(release.facts.get("pip", [])))
    for path in cache.iterdir():
        if path.is_dir() and path.name not in needed:
            shutil.rmtree(path)
    for path in (cache / "packages").glob("*"):
        if path.name.removesuffix(".lock") not in packages:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def remove_environment(site: Site) -> list[Path]:
    """Remove the link to the current release, all releases, the documentation and the cache.

    Return the files and folders that are still in the prefix, because this function does not remove
    them.
    """
    cache = site.paths.prefix / ".cache"
    # if a change of the link was interrupted, there is a second link
    for link in (site.current, site.current.with_name(".current.new")):
        link.unlink(missing_ok=True)
    for release in releases(site):
        remove(release, cache)
    (site.releases / HISTORY).unlink(missing_ok=True)
    if (site.docs / DOCS_MARK).is_file() and not site.docs.is_symlink():
        shutil.rmtree(site.docs)
    shutil.rmtree(cache)
    left = sorted(site.releases.iterdir())
    if not left:
        site.releases.rmdir()
    left += sorted(path for path in site.paths.prefix.iterdir() if path != site.releases)
    if not left:
        site.paths.prefix.rmdir()
    return left


def size(path: Path) -> tuple[int, int]:
    """Return two sizes in MB: the size of the files that only this release uses, and the size of
    the files that this release shares with other releases by hard links."""
    own = shared = 0
    for folder, _, files in os.walk(path):
        for name in files:
            about = os.lstat(os.path.join(folder, name))
            if about.st_nlink > 1:
                shared += about.st_size
            else:
                own += about.st_size
    return own // 10**6, shared // 10**6
