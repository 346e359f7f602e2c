"""Copy the site's git repository into the server's folder before the server starts.

An existing copy is updated with nbgitpuller, which keeps the user's changes. If the copy fails, for
example because the repository's host does not answer, the server starts without the repository.
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

from ..prepare_root_folder import make_root
from .check_pull_link import Pull, Refused, check_link

TIMEOUT = 60.0
"""Seconds that a start waits for the copy."""
SHOWN = 2000
"""The largest number of characters of git's output that a message about a failed copy contains."""
PROGRAMS = Path(__file__).parents[1] / "overrides"
PAGES = {"": "/lab/tree", "/lab": "/lab/tree", "/tree": "/tree"}
"""Maps the start page of an interface to the page of this interface that opens a folder."""
KEPT = ("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TMPDIR")
"""The job's environment variables that git gets. git does not get the server's token and keys."""


def copy_repository(settings: dict[str, Any]) -> None:
    """Copy or update the repository in the server's folder, and make JupyterLab open the copy's
    folder. `settings` are the session's settings. This function removes their key `repository`.
    """
    repository = settings.pop("repository")
    root = server_folder(settings)
    trouble = update_copy(settings, root, repository)[0]
    if trouble:
        folder, url = repository["folder"], repository["url"]
        print(f"sitekit: {folder} is not the latest version of {url}: {trouble}", flush=True)
    open_in(root, repository["folder"])


def server_folder(settings: Mapping[str, Any]) -> Path:
    """Create the site's links in the server's root folder, and return the path of the root
    folder."""
    home, user = Path(os.environ["HOME"]), os.environ["USER"]
    return make_root(settings.get("root", "~"), settings.get("links", {}), home, user)


def update_copy(
    settings: Mapping[str, Any], root: Path, repository: Mapping[str, Any]
) -> tuple[str, str]:
    """Create or update the copy. Return two texts: the reason if this failed (otherwise ""), and
    the output of the program that pulls. Some files may have been changed both by the user and in
    the repository. If `keep_both` in `repository` is true, the user's version of such a file stays,
    and the repository's version is written to another file."""
    url = repository["url"]
    wanted = {"repo": url, "branch": repository["branch"], "targetpath": repository["folder"]}
    output = ""
    try:
        pull = check_link(wanted, [url.rsplit("/", 1)[0]], root, list(settings.get("links", {})))
        both = repository.get("keep_both", False)
        trouble, output = _copied(pull, settings.get("umask", "0077"), both)
    except (Refused, OSError, subprocess.SubprocessError) as error:
        trouble = str(error)
    return trouble, output


def open_in(root: Path, folder: str, page: str = "") -> None:
    """Make JupyterLab open the file `page` of the folder. If `page` is empty or this file is
    missing, JupyterLab opens the folder."""
    interface = os.environ.get("JUPYTERHUB_DEFAULT_URL", "")
    path = f"{folder}/{page}" if page and (root / folder / page).is_file() else folder
    if (root / folder).is_dir() and interface in PAGES:
        os.environ["JUPYTERHUB_DEFAULT_URL"] = f"{PAGES[interface]}/{quote(path)}"


def _copied(pull: Pull, umask: str, keep_both: bool) -> tuple[str, str]:
    """Create or update the copy. Return two texts: the reason if this failed (otherwise ""), and
    the output of the program that pulls. Raises OSError. A new copy has a temporary name until the
    copy is complete. Therefore the next start does not use an interrupted copy."""
    settings = {"repo": pull.repo, "branch": pull.branch, "backup": False}
    # depth 0: git copies all commits, because pull_course_without_merging.py compares old commits
    depth, program = (
        (0, "pull_course_without_merging.py") if keep_both else (None, "pull_in_subprocess.py")
    )
    if pull.exists:
        return _pull(program, {**settings, "depth": depth, "folder": str(pull.folder)}, umask)
    new = pull.folder.with_name(f".{pull.folder.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    trouble, output = _pull(program, {**settings, "depth": depth, "folder": str(new)}, umask)
    if trouble:
        shutil.rmtree(new, ignore_errors=True)
        return trouble, output
    new.rename(pull.folder)
    return "", output


def _pull(program: str, settings: Mapping[str, object], umask: str) -> tuple[str, str]:
    """Run the `program` that pulls the repository. Return two texts: the reason if the program
    failed (otherwise ""), and the program's output."""
    mask = int(umask, 8) & 0o077 if umask.isdigit() else -1  # -1: the job's own umask
    proxies = ("http_proxy", "https_proxy", "no_proxy")
    given = {name: os.environ[name] for name in (*KEPT, *proxies) if name in os.environ}
    with subprocess.Popen(
        [sys.executable, "-I", str(PROGRAMS / program), json.dumps(settings)],
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
            return f"no answer within {TIMEOUT:.0f} s", ""
        finally:
            # This kills the program and its git, also when Slurm ends this job during the copy.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
    return ("" if child.returncode == 0 else " ".join(output.split())[-SHOWN:]), output
