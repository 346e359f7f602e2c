"""Implement `make new_site`: write a small config/site.yml with the Slurm partition and the module
folders of this machine."""

from __future__ import annotations

import os
import re
import shutil
import socket
from pathlib import Path

from ..base.data_files import CHECKOUT
from ..base.errors import BadInput, shown
from ..base.files import write_atomic
from ..base.progress import say
from ..base.run_program import CommandFailed, run
from ..base.templates import templates
from .model import load_site

FILE = CHECKOUT / "config" / "site.yml"
GIVEN = ("NAME", "URL", "GROUP", "PREFIX", "PARTITION")


def new_site(*words: str, file: Path = FILE) -> int:
    """Write config/site.yml with the values of arguments like `NAME=main`; return the exit code 0.
    Raises BadInput.

    Nothing is written if a site file exists already, or if an argument is unknown or invalid.
    """
    if file.exists():
        raise BadInput("a site file already exists", str(file), "edit it, or move it away first")
    given = dict(_pair(word) for word in words)
    text = (
        templates("config/templates").get_template("new_site.yml.j2").render(_values(given)) + "\n"
    )
    draft = file.with_name(".new-site.yml")
    try:
        write_atomic(draft, text)
        load_site(draft)
    except BadInput as fault:
        # The message does not name the file, because the user has written only the command's
        # arguments.
        raise BadInput(
            str(fault).replace(f"{draft}:", "new_site: line "), remedy="give it another value"
        ) from None
    else:
        # os.link fails if another program has created a site file in the meantime
        os.link(draft, file)
    finally:
        draft.unlink(missing_ok=True)
    say(f" ok wrote {file}")
    say(
        "    Read each line of this file; config/site.example.yml explains all keys. Then run: make check_site"
    )
    return 0


def _pair(word: str) -> tuple[str, str]:
    """Split an argument `NAME=value` into name and value; refuse an unknown name."""
    name, _, value = word.partition("=")
    if name not in GIVEN or not re.fullmatch(r"[\w./:,@ -]{1,200}", value):
        what = f"{shown(word)} is not one of {', '.join(f'{known}=value' for known in GIVEN)}"
        raise BadInput(
            what, "new_site", "write it like: make new_site NAME=main GROUP=cluster-users"
        )
    return name, value


def _values(given: dict[str, str]) -> dict[str, object]:
    """Return the values for the template of the site file: from the arguments or, if not given,
    from this machine."""
    host = socket.getfqdn()
    slurm = shutil.which("sbatch")
    name = given.get("NAME", "main")
    return {
        "name": name,
        "title": f"Jupyter at {host.partition('.')[2] or host}",
        "prefix": given.get("PREFIX", "/shared/jupyter"),
        "address": host,
        "url": given.get("URL", f"https://{host}"),
        "groups": given.get("GROUP", "cluster-users").split(","),
        "partitions": given["PARTITION"].split(",")
        if "PARTITION" in given
        else _default_partition(),
        "slurm_bin": str(Path(slurm).parent) if slurm else "/usr/bin",
        "modulepath": _module_folders(),
        "lmod": os.environ.get("LMOD_PKG", "/usr/share/lmod/lmod"),
    }


def _default_partition() -> list[str]:
    """Return Slurm's default partition, which sinfo(1) marks with `*`. If Slurm has no default
    partition, return `jupyter`."""
    try:
        listed = run(["sinfo", "--noheader", "--format=%P"], timeout=10, check=False).stdout.split()
    except CommandFailed:
        listed = []
    marked = [
        name.rstrip("*")
        for name in listed
        if name.endswith("*") and re.fullmatch(r"[\w.-]+\*", name)
    ]
    return marked[:1] or ["jupyter"]


def _module_folders() -> list[str]:
    """Return the folders in the environment variable MODULEPATH; if MODULEPATH is empty,
    /shared/modules."""
    folders = [
        part
        for part in os.environ.get("MODULEPATH", "").split(":")
        if re.fullmatch(r"/[\w./+-]+", part)
    ]
    return folders or ["/shared/modules"]
