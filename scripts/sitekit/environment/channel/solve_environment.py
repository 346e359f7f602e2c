"""Choose the packages for environment.yml (solve environment.yml), or read the packages from a lock
file that an earlier solve has written."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from ...base.errors import Problem
from ...base.module_in_child_process import ask_child_process
from ...base.progress import say, step
from ...site import Site
from ..wheels.build_conda_channel import build_channel
from ..wheels.environment_yml import Packages
from . import ENGINE
from .choose_source import bases, choose_source
from .download_settings import rattlers_configuration
from .pin_pip_packages import pin

HERE = "/made-of-wheels"
"""In a lock, this placeholder replaces the path of the channel that sitekit builds. The real path
differs between machines."""

_HEAD = "# sitekit: "

Package = dict[str, str]


@dataclass(frozen=True)
class Solution:
    """Hold the packages that were chosen for environment.yml, with their URLs and hashes.

    `lock` is the text of rattler's lock file, which lists the same packages.
    """

    kind: str
    told: str
    channels: list[str]
    specs: list[str]
    pip: list[str]
    packages: list[Package]
    lock: str

    @property
    def source(self) -> dict[str, Any]:
        return {"kind": self.kind, "told": self.told, "channels": self.channels}

    @property
    def at_hand(self) -> bool:
        """Return whether all package files with a file: URL still exist on this machine.

        Package files on servers are not checked.
        """
        local = [package["url"] for package in self.packages if package["url"].startswith("file:")]
        return all(Path(_path_of(url)).exists() for url in local)

    def head(self, packages: Packages) -> dict[str, Any]:
        """Return the header of environment.lock: the dependencies in environment.yml, and the
        source from which the packages were chosen."""
        fields = {key: getattr(self, key) for key in ("kind", "told", "channels", "specs", "pip")}
        return {**fields, "dependencies": packages.digest}

    def locked(self, packages: Packages) -> str:
        """Return the text of environment.lock: a header and the list of packages. The text contains
        no paths of this machine."""
        text = kept(self.head(packages), self.lock)
        if self.kind == "wheels":
            uri = self.channels[0]
            text = text.replace(uri, f"file://{HERE}").replace(_path_of(uri), HERE)
        return text


def solve(site: Site, packages: Packages, cache: Path) -> Solution:
    """Return the newest packages that match environment.yml, from the source that choose_source()
    returns.

    Raises Problem if no source can be reached, or if no packages match environment.yml.
    """
    source = choose_source(site)
    say(source.told)
    specs, channels, pip = list(packages.conda), list(site.environment.channels), []
    if source.kind == "wheels":
        channels = [build_channel(packages, cache).as_uri()]
        specs += [line.replace("==", " ==") for line in packages.pip]
    elif any("conda-forge" in channel for channel in channels) and "conda" not in packages.names:
        specs.append("conda")
    lock = cache / "solution.lock"
    request = {
        "verb": "solve",
        "channels": channels,
        "specs": specs,
        "cache": str(cache),
        "lock": str(lock),
    }
    with step("Solving") as s:
        found = ask_child_process(ENGINE, {**request, "config": configuration(site)}, timeout=900)
        s.done(f"{len(found)} packages")
    if source.kind == "channels":
        pip = pin(packages, found, cache)
    return Solution(source.kind, source.told, channels, specs, pip, found, lock.read_text())


def _path_of(uri: str) -> str:
    return unquote(urlsplit(uri).path)


def configuration(site: Site) -> str:
    """Return the configuration for the installer rattler, with this site's mirrors and
    credentials."""
    return rattlers_configuration(
        site, bases(list(site.environment.mirrors)) if site.environment.mirrors else {}
    )


def kept(head: dict[str, Any], lock: str) -> str:
    """Return the text of environment.lock: the header `head`, followed by rattler's list of all
    packages."""
    bare = re.sub(rf"^{_HEAD}.*\n|^# Written by .*\n", "", lock, flags=re.MULTILINE)
    return f"# Written by sitekit: exactly these builds.\n{_HEAD}{json.dumps(head)}\n{bare}"


def head_of(lock: str) -> dict[str, Any]:
    """Return the header of a lock file. Raises ValueError if sitekit did not write the file."""
    match = re.search(rf"^{_HEAD}(.*)$", lock, re.MULTILINE)
    if match is None:
        raise ValueError("it has no line '# sitekit:'")
    return json.loads(match[1])


def from_lock(text: str, packages: Packages, cache: Path) -> Solution:
    """Return the packages that the text of a lock (such as environment.lock) lists.

    If the lock lists packages that sitekit builds from PyPI wheels, and these packages are missing
    on this machine, build them.
    """
    head = head_of(text)
    if head["kind"] == "wheels":
        channel = build_channel(packages, cache)
        text = text.replace(f"file://{HERE}", channel.as_uri()).replace(HERE, str(channel))
        head["channels"] = [channel.as_uri()]
    return read(text, head, cache)


def read(text: str, head: dict[str, Any], cache: Path) -> Solution:
    """Convert the text of a lock to a Solution.

    The text must contain real URLs, not the placeholder HERE.
    """
    file = cache / "solution.lock"
    file.write_text(text)
    found = ask_child_process(ENGINE, {"verb": "locked", "lock": str(file)}, timeout=60)
    return Solution(
        head["kind"], head["told"], head["channels"], head["specs"], head["pip"], found, text
    )


def kept_lock(path: Path, packages: Packages) -> str | None:
    """Return the text of environment.lock. If the file does not exist, return None.

    Raises Problem if the lock was made from another environment.yml.
    """
    try:
        text = path.read_text(encoding="utf-8")
        head = head_of(text)
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise Problem(
            f"is not a lock that sitekit wrote: {error}", str(path), "remove it, or run: make lock"
        ) from None
    if head["dependencies"] != packages.digest:
        raise Problem(
            "was made from another environment.yml" + _disagreement(head, packages),
            str(path),
            "run: make lock (or make upgrade); or take back the change to environment.yml or config/environment.yml",
        )
    return text


def _disagreement(head: dict[str, Any], packages: Packages) -> str:
    """Return a text with the dependencies that are only in the lock, and the dependencies that are
    only in environment.yml. Each dependency has a line of its own."""
    locked, required = {*head["specs"]} - {"conda"}, {*packages.conda}
    if head["kind"] == "wheels":
        required |= {line.replace("==", " ==") for line in packages.pip}
    only = [f"\n    the lock alone: {line}" for line in sorted(locked - required)]
    return "".join(
        only + [f"\n    environment.yml alone: {line}" for line in sorted(required - locked)]
    )


def packages_hash(packages: Sequence[Package]) -> str:
    """Return the SHA-256 of the packages' names, versions, builds and hashes.

    The hash does not depend on the channel or mirror from which the packages come.
    """
    lines = sorted(f"{p['name']} {p['version']} {p['build']} {p['sha256']}" for p in packages)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def explicit(packages: Sequence[Package]) -> str:
    """Return the packages as a file that `conda create --file` can read."""
    return "".join(["@EXPLICIT\n", *(f"{p['url']}#sha256:{p['sha256']}\n" for p in packages)])


def difference(old: Sequence[Package], new: Sequence[Package]) -> list[str]:
    """Return one line for each package that was added, removed or changed between `old` and
    `new`."""
    before, after = (
        {p["name"]: f"{p['version']} {p['build']}" for p in side} for side in (old, new)
    )
    lines = []
    for name in sorted({*before, *after}):
        was, is_ = before.get(name), after.get(name)
        if was is None:
            lines.append(f"+ {name} {is_}")
        elif is_ is None:
            lines.append(f"- {name} {was}")
        elif was != is_:
            lines.append(f"~ {name} {was} -> {is_}")
    return lines
