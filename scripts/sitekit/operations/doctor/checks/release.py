"""Check the release in use: the link `current`, which accounts can read the release, and whether
its programs run."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from ....base.finding import Finding, unseen, warning
from ....base.run_program import Argv, CommandFailed, run
from ....environment.release.releases import WHOLE, releases
from ....machine.run.maintenance_and_state_folder import LOW_SPACE
from ....machine.run.start_and_stop import hub_release
from ....site import Site
from ..check import Subject
from ..context import Context, first_missing

subject = Subject("release", "The release")
PROGRAMS = ("python", "jupyterhub", "configurable-http-proxy")
_IMPORTS = """
import importlib.util, jupyterhub
for name in ("tornado", "sqlalchemy", "batchspawner", "wrapspawner", "jupyterlab", "sitekit.hub"):
    found = importlib.util.find_spec(name)
    if found is None:
        raise ImportError(f"there is no {name}")
    if found.origin is None:  # a folder whose __init__.py cannot be seen
        raise ImportError(f"{name} cannot be read")
"""
_UNREADABLE = {
    "folders": "-type d ( ! -readable -o ! -executable )",
    "files": "-type f ! -readable",
}
"""Expressions with which find(1) finds folders and files that an account cannot read. The folders
are tested first, because a release has only a few thousand folders."""


def _here(site: Site) -> bool:
    """Return whether users' servers use the release on this machine; False for a hub outside the
    cluster (`slurm.ssh`)."""
    return site.slurm.ssh is None


@subject.check(
    "prefix",
    "whether the folder paths.prefix exists",
    "hub, servers and kernels run programs from this folder",
    "mount the shared file system, or correct paths.prefix",
)
def prefix(here: Context) -> Iterator[Finding]:
    if not here.site.paths.prefix.is_dir():
        missing = first_missing(here.site.paths.prefix)
        yield Finding(f"{missing} is not there", "paths.prefix")


@subject.check(
    "current",
    "the link `current` and the release to which it points",
    "hub, proxy and every new server start from this link",
    "make rollback, or: make setup_conda install_all",
    needs=("release.prefix",),
    before=("start",),
)
def current(here: Context) -> Iterator[Finding]:
    link = here.site.current
    if not link.is_symlink() and not link.exists():
        yield Finding("there is no release in use", str(link), "make setup_conda install_all")
    elif not link.exists():
        listed = ", ".join(release.name for release in releases(here.site) if release.whole)
        what = f"it points to {os.readlink(link)}, which is not there"
        yield Finding(what, str(link), f"make rollback RELEASE=... (whole releases: {listed})")
    elif missing := [name for name in PROGRAMS if not (link / "bin" / name).exists()]:
        yield Finding(f"it has no bin/{missing[0]}", str(link.resolve()))


@subject.check(
    "whole",
    "whether the release in use is complete (has the file release.json)",
    "a release without release.json was not verified, or is still being built",
    "make install_all, or make rollback",
    needs=("release.current",),
)
def whole(here: Context) -> Iterator[Finding]:
    target = here.site.current.resolve()
    if target.parent != here.site.releases.resolve():
        yield Finding(f"it points to {target}, outside of {here.site.releases}", "current")
    elif not (target / WHOLE).is_file() or target.name.endswith(".failed"):
        yield Finding("the release in use is not complete", str(target))


@subject.check(
    "seen-by-hub",
    "whether the accounts of hub and proxy can read `current` and enter every folder above it",
    "hub and proxy cannot start if one folder on the way is closed to them",
    "chmod a+rx FOLDER",
    needs=("release.current", "accounts.exist"),
    root=True,
    before=("apply", "start"),
)
def seen_by_hub(here: Context) -> Iterator[Finding]:
    for account in (here.site.hub.user, here.site.proxy.user):
        yield from _seen(here, account)


@subject.check(
    "seen-by-user",
    "whether a user can read `current` and enter every folder above it",
    "a user's server runs programs of the release, and must be able to read it",
    "chmod a+rx FOLDER",
    needs=("release.current",),
    root=True,
    applies=_here,
)
def seen_by_user(here: Context) -> Iterator[Finding]:
    yield from _seen(here, here.somebody)


def _seen(here: Context, account: str) -> Iterator[Finding]:
    """Yield a finding if an account cannot enter the folder `bin` of the release, or cannot run
    Python or JupyterHub in this folder."""
    bin_folder = here.site.current.resolve() / "bin"
    wanted = {str(bin_folder / name): "rx" for name in ("python", "jupyterhub")}
    wanted[str(here.site.current / "bin")] = "rx"
    for fault in here.look_as(account, paths=wanted)["paths"].values():
        if fault:
            yield Finding(f"{account}: {fault}", str(here.site.current))
            return


@subject.check(
    "readable",
    "whether a user can read each folder and file of the release",
    "a package that only its owner can read is missing in the servers of users",
    "chmod -R a+rX FOLDER",
    needs=("release.current",),
    follows=("release.seen-by-hub", "release.seen-by-user"),
    root=True,
)
def readable(here: Context) -> Iterator[Finding]:
    account = here.somebody if _here(here.site) else here.site.hub.user
    yield from unreadable(here.site.current.resolve(), account, 5 * here.patience)


def unreadable(target: Path, account: str | None, seconds: float) -> Iterator[Finding]:
    """Yield a finding with the first folder or file below `target` that an account cannot read.

    The function runs find(1) twice, each time for at most `seconds` seconds.
    """
    for kind, expression in _UNREADABLE.items():
        argv: Argv = ["find", target, "-xdev", *expression.split(), "-print", "-quit"]
        try:
            done = run(argv, user=account, cwd=Path("/"), timeout=seconds, check=False)
        except CommandFailed as failed:
            yield unseen(f"the {kind} of the release: {failed.what}", "SECONDS=120")
            continue
        if first := done.stdout.strip().partition("\n")[0]:
            remedy = f"chmod -R a+rX {first}"
            yield Finding(f"{account} may not read it", first, remedy)
            return


@subject.check(
    "runs",
    "whether the release's Python imports JupyterHub, batchspawner and sitekit",
    "a release that cannot import them starts neither the hub nor a server",
    "make rollback; then make install_all",
    needs=("release.current",),
    follows=("release.seen-by-hub", "release.readable"),
)
def runs(here: Context) -> Iterator[Finding]:
    account = here.site.hub.user if here.root else None
    python = here.site.current / "bin/python"
    try:
        run([python, "-I", "-c", _IMPORTS], user=account, cwd=Path("/"), timeout=10 * here.patience)
    except KeyError:
        return  # the check accounts.exist reports this
    except CommandFailed as failed:
        if "did not end" in failed.what:
            yield warning("it took longer than 10 s to start", str(python))
            return
        last = (failed.output.strip().splitlines() or [failed.what])[-1]
        yield Finding(f"it does not import what the hub needs: {last}", str(python))


@subject.check(
    "proxy-runs",
    "whether the release's Node.js starts",
    "the proxy is a program of Node.js",
    "make rollback; then make install_all",
    needs=("release.current",),
)
def node_runs(here: Context) -> Iterator[Finding]:
    node = here.site.current / "bin/node"
    if not node.exists():
        return  # not every release contains Node.js
    try:
        run([node, "--version"], cwd=Path("/"), timeout=10 * here.patience)
    except CommandFailed as failed:
        yield Finding(f"node does not start: {failed.what}", str(node))


@subject.check(
    "not-writable",
    "who can write to the release",
    "an account that can write to the release can run programs as every user",
    "chmod -R go-w FOLDER",
    needs=("release.current",),
    before=("apply", "start"),
)
def not_writable(here: Context) -> Iterator[Finding]:
    target = here.site.current.resolve()
    places = [here.site.paths.prefix, here.site.releases, target, target / "bin"]
    places += [target / "bin" / name for name in PROGRAMS]
    for packages in ("lib/python3*/site-packages", "local/lib/python3*/dist-packages"):
        places += sorted(target.glob(packages))
    for path in places:
        status = path.stat() if path.exists() else None
        if status and status.st_mode & stat.S_IWOTH:
            yield Finding("everybody can write to it", str(path), f"chmod o-w {path}")


@subject.check(
    "in-use-by-hub",
    "the release from which the hub was started",
    "after a switch of `current` the hub runs the old release until the hub is restarted",
    "sudo make start",
    needs=("release.current",),
    follows=("services.hub",),
)
def in_use_by_hub(here: Context) -> Iterator[Finding]:
    state = here.states.get("hub")
    if state is None or state.pid is None:
        return
    begun, now = hub_release(here.site), str(here.site.current.resolve())
    if begun and begun != now:
        yield warning(f"the hub runs {Path(begun).name}, and current is {Path(now).name}", "hub")


@subject.check(
    "space",
    "free space on the file system of the prefix",
    "on a full file system no release can be built, and kernels cannot be published",
    "make prune_releases",
    needs=("release.prefix",),
)
def space(here: Context) -> Iterator[Finding]:
    disk = shutil.disk_usage(here.site.paths.prefix)
    if disk.total and disk.free < disk.total * LOW_SPACE:
        free = f"{disk.free / 1e6:.0f} MB of {disk.total / 1e9:.1f} GB are free"
        yield warning(free, str(here.site.paths.prefix))


@subject.check(
    "unfinished",
    "releases that failed their verification",
    "such releases take space, and show that an upgrade did not work",
    "make prune_releases",
    needs=("release.prefix",),
)
def unfinished(here: Context) -> Iterator[Finding]:
    failed = [release.name for release in releases(here.site) if release.failed]
    if failed:
        yield warning(f"{', '.join(failed[:3])} failed the verification", str(here.site.releases))
