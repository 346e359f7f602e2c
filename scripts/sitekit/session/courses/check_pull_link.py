"""Check the repository, the page and the folder in an nbgitpuller link.

If a part of the link is not allowed, a function of this module raises Refused with the reason.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

BRANCH = re.compile(r"\w[\w./+#@-]{0,200}")
WRONG = re.compile(r"[\x00-\x20\x7f\\]|[^\x00-\x7f]")
"""Characters that the URL of a repository must not contain. git, git servers and people do not all
interpret these characters in the same way.
"""
YES = {"1", "true", "yes", "on"}


class Refused(ValueError):
    """Report that sitekit refuses an nbgitpuller link, and pulls no repository. The exception's
    text is the reason."""


@dataclass(frozen=True)
class Pull:
    """Describe one repository to copy or to update.

    `folder` is the folder into which the repository is copied. `page` is the page that opens after the pull.
    """

    repo: str
    branch: str
    depth: int | None
    backup: bool
    target: str
    folder: Path
    page: str
    exists: bool


def check_link(
    arguments: Mapping[str, str], allowed: Sequence[str], root: Path, links: Sequence[str]
) -> Pull:
    """Check the arguments of an nbgitpuller link, and return them as a Pull. Raise Refused if an
    argument is not allowed.

    `links` are the names of the links that the site creates in the server's root folder.
    """
    repo = repository(arguments.get("repo", ""), allowed)
    branch, depth = arguments.get("branch", ""), arguments.get("depth", "")
    if branch and (not BRANCH.fullmatch(branch) or ".." in branch or "@{" in branch):
        raise Refused(f"not the name of a branch: {branch[:200]}")
    if depth and not re.fullmatch(r"\d{1,6}", depth, re.ASCII):
        raise Refused(f"depth is no number: {depth[:40]}")
    target = (
        arguments.get("targetpath")
        or arguments.get("targetPath")
        or repo.rstrip("/").rsplit("/", 1)[-1]
    )
    folder = place(target, root, links)
    backup = arguments.get("backup", "").lower() in YES
    exists = os.path.lexists(folder)
    if exists and not backup:
        is_copy(folder, repo)
    return Pull(
        repo,
        branch,
        int(depth) if depth else None,
        backup,
        target,
        folder,
        page(arguments, target, backup),
        exists,
    )


def repository(repo: str, allowed: Sequence[str]) -> str:
    """Return the URL of the repository in the link. Raise Refused if the URL is not below one of
    the URLs in `allowed`."""
    if not repo:
        raise Refused("the link names no repository (repo=...)")
    try:
        parts = urlsplit(repo)
        port = parts.port or 443
    except ValueError:
        raise Refused(f"not an address: {repo[:200]}") from None
    folders = parts.path.strip("/").split("/")
    if parts.scheme != "https" or not parts.hostname or WRONG.search(repo) or "%" in repo:
        raise Refused(f"not the https address of a repository: {repo[:200]}")
    if (
        parts.username is not None
        or parts.query
        or parts.fragment
        or {"", ".", ".."} & set(folders)
    ):
        raise Refused(f"not the plain address of a repository: {repo[:200]}")
    for one in map(urlsplit, allowed):
        first = [folder for folder in one.path.split("/") if folder]
        same_host = (one.hostname, one.port or 443) == (parts.hostname, port)
        if same_host and folders[: len(first)] == first and len(folders) > len(first):
            return repo
    raise Refused(
        f"not a place that this site pulls from: {repo[:200]}. It allows {', '.join(allowed) or 'none'}."
    )


def place(target: str, root: Path, links: Sequence[str]) -> Path:
    """Return the path of the folder that `target` names. The folder must be in the server's root
    folder, or in a folder to which one of the site's links points. Otherwise, or if the folder is
    hidden, raise Refused."""
    parts = target.rstrip("/").split("/")
    if any(
        not part or part.startswith(".") or not part.isprintable() or "\\" in part for part in parts
    ):
        raise Refused(
            f"not a folder to pull into: {target[:200]!r}. It may not be hidden, nor lead out of the root."
        )
    base = Path(os.path.realpath(root))
    if parts[0] in links and len(parts) > 1 and (root / parts[0]).is_symlink():
        base = Path(os.path.realpath(root / parts.pop(0)))
    folder = Path(os.path.realpath(base.joinpath(*parts)))
    inside = folder.relative_to(base).parts if folder.is_relative_to(base) else ()
    if not inside or any(part.startswith(".") for part in inside):
        raise Refused(f"not a folder to pull into: {target[:200]!r}. A link in it leads elsewhere.")
    return folder


def is_copy(folder: Path, repo: str) -> None:
    """Raise Refused if the folder is not a copy of this repository.

    Otherwise, git could change another repository of the user, for example a repository that
    contains the folder.
    """
    conflict = f"{folder.name} is there already, and it is no copy of {repo}"
    if not (folder / ".git").is_dir() or (folder / ".git").is_symlink():
        raise Refused(f"{conflict}. Rename it, or choose another targetPath.")
    command = ["git", f"--git-dir={folder}/.git", "config", "--local", "--get", "remote.origin.url"]
    origin = subprocess.run(
        command, capture_output=True, text=True, errors="replace", timeout=30
    ).stdout.strip()
    if _plain(origin) != _plain(repo):
        raise Refused(
            f"{conflict} but of {origin[:200] or 'none'}. Rename it, or choose another targetPath."
        )


def _plain(address: str) -> str:
    return address.rstrip("/").removesuffix(".git")


def page(arguments: Mapping[str, str], target: str, backup: bool) -> str:
    """Return the page that opens after the pull, as a path below the server's own URL. Raise
    Refused if the page is outside of the user's server."""
    path = (arguments.get("urlpath") or arguments.get("urlPath") or "").lstrip("/")
    if not path:
        below = ""
        if not backup:
            subpath = arguments.get("subpath") or arguments.get("subPath") or ""
            below = "/".join([target, subpath]).rstrip("/")
        app = "lab/tree" if arguments.get("app", "lab") == "lab" else "tree"
        path = f"{app}/{below}"
    name, mark, query = path.partition("?")
    steps = re.split(r"[/\\]|%2f|%5c", name, flags=re.IGNORECASE)
    if (
        any(step.lower().replace("%2e", ".") in (".", "..") for step in steps)
        or not path.isprintable()
    ):
        raise Refused(f"not a page of your server: {path[:200]!r}")
    return quote(name, safe="/%:@!$&'()*+,;=~") + mark + quote(query, safe="/%:@!$&'()*+,;=~?")
