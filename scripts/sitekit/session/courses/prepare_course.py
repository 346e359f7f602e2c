"""Prepare a server of a course before the server starts: copy the material, and set the page that
JupyterLab opens and the default kernel. The settings of the course come from gate.json, which only
root can change. A participant's own files are never overwritten. If a part of the course is
missing, the server starts nevertheless, and JupyterLab shows a message about the missing part.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

from .check_pull_link import Refused, place
from .copy_repository import open_in, server_folder, update_copy

KEPT = "sitekit-kept "  # as in overrides/pull_course_without_merging.py
RENAMED = "Renamed "  # of nbgitpuller
BOTH = (
    "You and the course have both changed {name}. Your file is as you left it; the course's is "
    "{beside}."
)
RENAMED_BY_COURSE = "The course has a new file {name}. Your own file of that name is now {new}."
NO_KERNEL = "The course's kernel {name} is not on this server. Tell your instructor."
NOT_LATEST = "{folder} is not the latest version of {url}: {why}"
NOT_COPIED = "The material of the course was not copied to {name}: {why}"
Notice = dict[str, Any]


def prepare_course(settings: dict[str, Any]) -> None:
    """Copy or update the course's material, and make JupyterLab open the course's page or the
    folder with the material. Messages for the participant are printed to the job's log, and stored
    in `course_notices`, which JupyterLab shows.
    """
    course, root = settings["course"], server_folder(settings)
    notices: list[Notice] = settings.setdefault("course_notices", [])
    if "repository" in course:
        repository = {
            "url": course["repository"],
            "branch": course["branch"],
            "folder": course["key"],
            "keep_both": True,
        }
        trouble, output = update_copy(settings, root, repository)
        notices += [sentence for line in output.splitlines() if (sentence := explain(line, root))]
        if trouble:
            folder, url = course["key"], course["repository"]
            notices.append(notice(NOT_LATEST, folder=folder, url=url, why=trouble))
    elif "folder" in course and (missing := copy_once(Path(course["folder"]), course["key"], root)):
        notices.append(missing)
    for one in notices:
        log(one)
    open_in(root, course["key"], course.get("page", ""))


def notice(text: str, **values: str) -> Notice:
    """Return a message for the participant. JupyterLab's page translates the text, and then
    replaces the names in the text by the values (labextension/static/notice.js has the same
    texts)."""
    return {"text": text, "values": values}


def log(one: Notice) -> None:
    """Write a message to the job's log."""
    print(f"sitekit: {one['text'].format(**one['values'])}", flush=True)


def explain(line: str, root: Path) -> Notice | None:
    """Return a message for the participant, if a line of the pulling program's output says that a
    file was kept in two versions, or was renamed. For any other line, return None."""
    if line.startswith(KEPT):
        name, beside = json.loads(line[len(KEPT) :])
        return notice(BOTH, name=name, beside=beside)
    old, to, rest = line.removeprefix(RENAMED).partition(f" to {root}/")
    if line.startswith(RENAMED) and to:
        old = old.removeprefix(f"{root}/")
        return notice(RENAMED_BY_COURSE, name=old, new=rest.partition(" to ")[0])
    return None


def copy_once(source: Path, name: str, root: Path) -> Notice | None:
    """Copy a folder to the server's folder, if no earlier start has copied the folder. Return a
    message if the copy failed, otherwise None. The new copy has a temporary name until it is
    complete. Therefore an interrupted copy is never used.
    """
    try:
        copy = place(name, root, [])
        if copy.is_dir():
            return None
        new = copy.with_name(f".{name}.new")
        shutil.rmtree(new, ignore_errors=True)
        shutil.copytree(source, new, symlinks=True)
        for folder, _, files in os.walk(new):
            for path in (Path(folder), *(Path(folder, file) for file in files)):
                if not path.is_symlink():
                    path.chmod(path.stat().st_mode & 0o777 | (0o700 if path.is_dir() else 0o600))
        new.rename(copy)
    except (Refused, OSError) as error:
        with contextlib.suppress(OSError):
            shutil.rmtree(root / f".{name}.new", ignore_errors=True)
        return notice(NOT_COPIED, name=name, why=str(error))
    return None


def kernel_of_course(app: Any, settings: dict[str, Any]) -> str:
    """Return the name of the course's kernel. If the course names no kernel, return "". If the
    server does not have the course's kernel, add a message for the participant, and return ""."""
    name: str = settings.get("course", {}).get("kernel", "")
    if name and name not in app.kernel_spec_manager.find_kernel_specs():
        missing = notice(NO_KERNEL, name=name)
        log(missing)
        settings.setdefault("course_notices", []).append(missing)
        return ""
    return name
