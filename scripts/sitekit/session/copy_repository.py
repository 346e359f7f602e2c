"""Copy the site's git repository into the server's folder before the server starts.

An existing copy is updated with nbgitpuller, which keeps the user's changes. If the copy fails, for
example because the repository's host does not answer, the server starts without it.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from .check_pull_link import Pull, Refused, read
from .root_folder import make_root

TIMEOUT = 60.0
"""Seconds that a start waits for the copy."""
SHOWN = 2000
"""Characters of git's output that are logged."""
PROGRAM = Path(__file__).parent / "overrides" / "pull_child.py"
PAGES = {"": "/lab/tree", "/lab": "/lab/tree", "/tree": "/tree"}
"""The interfaces that can open a folder -> the page that does."""
KEPT = ("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TMPDIR")
"""The job's variables that git gets. The server's token and keys are not among them."""


def copy_repository(settings: dict[str, Any]) -> None:
    """Copy or update the repository in the server's folder, and make the server open in the copy.

    `settings` are the session's. The key `repository` is removed.
    """
    repository, links = settings.pop("repository"), settings.get("links", {})
    url, folder = repository["url"], repository["folder"]
    home, user = Path(os.environ["HOME"]), os.environ["USER"]
    root = make_root(settings.get("root", "~"), links, home, user)
    wanted = {"repo": url, "branch": repository["branch"], "targetpath": folder}
    try:
        pull = read(wanted, [url.rsplit("/", 1)[0]], root, list(links))
        trouble = _copied(pull, settings.get("umask", "0077"))
    except (Refused, OSError, subprocess.SubprocessError) as error:
        trouble = str(error)
    if trouble:
        print(f"sitekit: {folder} is not the latest version of {url}: {trouble}", flush=True)
    interface = os.environ.get("JUPYTERHUB_DEFAULT_URL", "")
    if (root / folder).is_dir() and interface in PAGES:
        os.environ["JUPYTERHUB_DEFAULT_URL"] = f"{PAGES[interface]}/{quote(folder)}"


def _copied(pull: Pull, umask: str) -> str:
    """Make or update the copy; return why that failed, or "" if it did not. Raises OSError.

    A new copy is made under another name. If this process is ended meanwhile, no half of a copy is
    taken for a copy at the next start.
    """
    settings = {"repo": pull.repo, "branch": pull.branch, "depth": None, "backup": False}
    if pull.exists:
        return _pull({**settings, "folder": str(pull.folder)}, umask)
    new = pull.folder.with_name(f".{pull.folder.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    if trouble := _pull({**settings, "folder": str(new)}, umask):
        shutil.rmtree(new, ignore_errors=True)
        return trouble
    new.rename(pull.folder)
    return ""


def _pull(settings: Mapping[str, object], umask: str) -> str:
    """Run the program that pulls; return why it failed, or "" if it did not."""
    mask = int(umask, 8) & 0o077 if umask.isdigit() else -1  # -1: the job's own umask
    proxies = ("http_proxy", "https_proxy", "no_proxy")
    given = {name: os.environ[name] for name in (*KEPT, *proxies) if name in os.environ}
    with subprocess.Popen(
        [sys.executable, "-I", str(PROGRAM), json.dumps(settings)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=given,
        umask=mask,
        start_new_session=True,
    ) as child:
        try:
            output, _ = child.communicate(timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            return f"no answer within {TIMEOUT:.0f} s"
        finally:
            # ends git as well, also when Slurm ends this job during the copy
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
    return "" if child.returncode == 0 else " ".join(output.split())[-SHOWN:]
