"""Compare each file that `make apply` wrote with its hash in the manifest, and check the folders of
the site."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

from ....base.errors import Problem
from ....base.finding import Finding, Severity, warning
from ....machine.apply.commands import plan_apply
from ....machine.apply.machine_state import path_beside
from ....machine.installed import unix_accounts
from ....machine.installed.manifest import load_manifest, manifest_path
from ....machine.installed.read_and_restore_path import MACHINE, read_entry
from ....machine.render.rendered_files import folders, render
from ..check import Subject
from ..context import Context

subject = Subject("files", "Files of the site on this machine")


@subject.check(
    "manifest",
    "the record of everything that `make apply` wrote",
    "without it sitekit cannot distinguish its own files from other files",
    "sudo make restore FROM=backup",
    needs=("site.applied",),
)
def manifest(here: Context) -> Iterator[Finding]:
    if not manifest_path(here.site).exists():
        yield Finding("it is not there", str(manifest_path(here.site)))
        return
    try:
        load_manifest(here.site, MACHINE)
    except Problem as problem:
        yield Finding(problem.what, problem.where or "", problem.remedy or "")


@subject.check(
    "missing",
    "whether the files and links in the manifest still exist",
    "a program that needs the file fails at its next start",
    "sudo make apply",
    needs=("files.manifest",),
)
def missing(here: Context) -> Iterator[Finding]:
    for name in [*here.manifest.files, *here.manifest.links]:
        if read_entry(MACHINE, Path(name)).kind == "nothing":
            yield Finding("it was removed", name)


def _grants(here: Context, path: Path) -> bool:
    """Return whether a file grants rights, such as a sudo rule or a PAM service."""
    return path.parent in {here.platform.sudoers, Path("/etc/pam.d"), here.site.libexec}


@subject.check(
    "edited",
    "whether the files in the manifest were changed by hand",
    "the services do not do what site.yml says; sitekit does not overwrite such a file",
    "make diff shows the lines; move the file away, and sudo make apply",
    needs=("files.manifest",),
)
def edited(here: Context) -> Iterator[Finding]:
    for name, record in here.manifest.files.items():
        entry = read_entry(MACHINE, Path(name))
        if entry.closed or record.foreign or record.owns(entry):
            continue
        severity = Severity.ERROR if _grants(here, Path(name)) else Severity.WARNING
        what = "it was changed by hand" if entry.kind == "file" else f"a {entry.kind} is there"
        yield Finding(what, name, severity=severity)


@subject.check(
    "modes",
    "modes and owners of the files of the site",
    "others can misuse a secret that they can read; a program that cannot be read does not run",
    "sudo make apply",
    needs=("files.manifest",),
    follows=("accounts.exist",),
    root=True,
)
def modes(here: Context) -> Iterator[Finding]:
    wanted = render(here.site, here.platform)
    for name, record in here.manifest.files.items():
        path = Path(name)
        entry = read_entry(MACHINE, path)
        if entry.kind != "file" or record.foreign or not record.mode:
            continue
        if entry.mode != record.mode:
            open_secret = record.generated and entry.mode & ~record.mode
            severity = Severity.ERROR if open_secret or _grants(here, path) else Severity.WARNING
            what = f"its mode is {entry.mode:04o}, not {record.mode:04o}"
            yield Finding(what, name, f"chmod {record.mode:04o} {path}", severity)
        file = wanted.get(path)
        if file and file.owner == "root" and entry.owner[0] != 0:
            yield Finding("it does not belong to root", name, f"chown root {path}")


@subject.check(
    "folders",
    "modes and owners of the folders of the site",
    "an account that can write to such a folder can replace its files",
    "sudo make apply",
    needs=("files.manifest", "accounts.exist"),
    follows=("state.owner", "state.logs"),
)
def own_folders(here: Context) -> Iterator[Finding]:
    for path, folder in folders(here.site, here.platform).items():
        entry = read_entry(MACHINE, path)
        if folder.shared or entry.kind == "hidden" or path == here.site.paths.state:
            continue
        if entry.kind != "folder":
            yield Finding("this folder of the site is not there", str(path))
            continue
        owner = unix_accounts.numbers(MACHINE, folder.owner, folder.group_of)
        if entry.owner[0] != owner[0]:
            yield Finding(f"it does not belong to {folder.owner}", str(path))
        elif stat.S_IMODE(entry.mode) != folder.mode:
            what = f"its mode is {entry.mode:04o}, not {folder.mode:04o}"
            yield warning(what, str(path), f"chmod {folder.mode:04o} {path}")


@subject.check(
    "beside",
    "files that end with .new, beside files that were changed by hand",
    "such a file is the new version of a file that was changed by hand; an administrator has to compare both",
    "compare both; take one of them, and remove the other",
    needs=("files.manifest",),
)
def new_versions(here: Context) -> Iterator[Finding]:
    for name in here.manifest.files:
        if read_entry(MACHINE, path_beside(Path(name))).kind == "file":
            yield warning("a new version waits beside it", name)


@subject.check(
    "as-rendered",
    "what `make apply` would change now",
    "the machine does not have the files and settings of the site file and of this sitekit",
    "make diff; sudo make apply",
    needs=("files.manifest", "release.prefix"),
    follows=(
        "site.same-as-applied",
        "files.missing",
        "files.edited",
        "files.modes",
        "files.folders",
        "state.owner",
        "accounts.exist",
        "accounts.memberships",
        "front.certificate",
        "services.proxy",
        "services.hub",
        "services.front",
        "services.tunnel",
    ),
    root=True,
)
def as_rendered(here: Context) -> Iterator[Finding]:
    plan = plan_apply(here.site, here.platform, MACHINE)
    changes = [f"{kind} {thing}" for kind, thing in plan.changes]
    if changes:
        more = f" and {len(changes) - 4} more" if len(changes) > 4 else ""
        yield warning(f"make apply would change: {'; '.join(changes[:4])}{more}", "make diff")
