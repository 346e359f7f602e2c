"""Check that users can read the published kernels, and that the modules of the kernels still
exist."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from ....base.finding import Finding, warning
from ....base.run_program import CommandFailed, run
from ....contracts.kernel_state import KernelState, read_kernel_state
from ....kernels.generations import generation
from ....kernels.generations.generation_record import Record, read_record
from ....site import Site
from ..check import Subject
from ..context import Context, Unanswered, first_missing

subject = Subject("kernels", "Kernels")
OLD = 3 * 86400


def _here(site: Site) -> bool:
    return site.slurm.ssh is None


@subject.check(
    "modules",
    "whether the folders of kernels.modulepath and Lmod exist",
    "kernels are modules of the cluster; without the modules' folders no kernel starts",
    "mount the software's file system, or correct kernels.modulepath",
    applies=_here,
)
def modules(here: Context) -> Iterator[Finding]:
    for place, folder in enumerate(here.site.kernels.modulepath):
        if not folder.is_dir():
            what = f"{first_missing(folder)} is not there"
            yield Finding(what, f"kernels.modulepath[{place}]")
    lmod = here.site.kernels.lmod
    if not (lmod / "libexec" / "lmod").exists():
        what = f"{lmod}/libexec/lmod is not there"
        yield Finding(what, "kernels.lmod", "install Lmod, or correct kernels.lmod")


@subject.check(
    "lmod-runs",
    "whether Lmod answers a user",
    "each kernel loads its module with Lmod",
    "run the command of Lmod by hand, and read the message",
    needs=("kernels.modules",),
    applies=_here,
)
def lmod_runs(here: Context) -> Iterator[Finding]:
    program = here.site.kernels.lmod / "libexec" / "lmod"
    path = ":".join(map(str, here.site.kernels.modulepath))
    env = {"PATH": "/usr/bin:/bin", "MODULEPATH": path, "LMOD_CMD": str(program)}
    user = here.user if here.root else None
    try:
        run(
            [program, "bash", "--version"],
            env=env,
            user=user,
            timeout=8 * here.patience,
            cwd=Path("/"),
        )
    except KeyError:
        return
    except CommandFailed as failed:
        last = (failed.output.strip().splitlines() or [failed.what])[-1]
        yield Finding(f"Lmod does not run: {last}", str(program))


@subject.check(
    "published",
    "whether the link to the published generation of kernels exists, and points to a generation with kernels",
    "without it, the launcher of JupyterLab shows no kernels of the cluster",
    "make kernels",
    needs=("release.prefix",),
    applies=_here,
)
def published(here: Context) -> Iterator[Finding]:
    link = here.site.kernels_current
    if link.is_symlink() and not link.exists():
        yield Finding(f"it points to {os.readlink(link)}, which is not there", str(link))
    elif not link.exists():
        yield warning("no kernels are published", str(link))
    elif (record := read_record(link.resolve())) is None or not record.kernels:
        yield warning("the generation has no kernels that this sitekit can read", str(link))


def _record(here: Context) -> tuple[Path, Record]:
    """Return the published generation (set of kernels) and its record. Raises Unanswered."""
    now = generation.current(here.site)
    record = read_record(now) if now else None
    if now is None or record is None:
        raise Unanswered("no kernels are published")
    return now, record


def _state(here: Context) -> KernelState:
    state = read_kernel_state(here.site)
    if state is None:
        raise Unanswered("no kernels were tested")
    return state


@subject.check(
    "failing",
    "the kernels that failed their last test",
    "failed kernels are hidden or flagged until they pass a test",
    "make kernels_check prints the reasons",
    needs=("kernels.published",),
    follows=("kernels.modules", "kernels.lmod-runs"),
    applies=_here,
)
def failing(here: Context) -> Iterator[Finding]:
    state = _state(here)
    for name, reason in list(state.failing.items())[:5]:
        yield warning(f"the kernel {name} failed: {reason}", "kernels")
    if len(state.failing) > 5:
        yield warning(f"{len(state.failing) - 5} more kernels failed", "kernels")


@subject.check(
    "tested-lately",
    "how long ago the kernels were tested",
    "a kernel that broke since its last test is still offered",
    "make kernels_check; systemctl status sitekit-NAME-kernels.timer",
    needs=("kernels.published",),
    applies=lambda site: _here(site) and site.kernels.check.at != "never",
)
def tested_lately(here: Context) -> Iterator[Finding]:
    state, now, published = _state(here), time.time(), here.site.kernels_current
    if not published.is_symlink():
        return  # the check kernels.published reports this
    since = state.checked or published.lstat().st_mtime
    if now - since > OLD:
        yield warning(f"they were last tested {(now - since) / 86400:.0f} days ago", "kernels")


@subject.check(
    "module-gone",
    "whether the modulefiles and the interpreter of each published kernel still exist",
    "a kernel whose module or interpreter was removed cannot start",
    "make kernels",
    needs=("kernels.published", "kernels.modules"),
    applies=_here,
)
def module_gone(here: Context) -> Iterator[Finding]:
    _, record = _record(here)
    for name, kernel in record.kernels.items():
        gone = [path for path in kernel.watch if kernel.watch[path] and not os.path.exists(path)]
        if gone:
            yield Finding(f"the kernel {name} needs {gone[0]}, which is not there", "kernels")


@subject.check(
    "changed",
    "whether modules changed since the kernels were made",
    "users see the old versions of the software",
    "make kernels",
    needs=("kernels.published", "kernels.modules"),
    follows=("kernels.module-gone",),
    applies=_here,
)
def changed(here: Context) -> Iterator[Finding]:
    _, record = _record(here)
    names = []
    for name, kernel in record.kernels.items():
        for path, seen in kernel.watch.items():
            if seen and os.path.isfile(path):
                found = os.stat(path)
                if [found.st_mtime_ns, found.st_size] != list(seen):
                    names.append(name)
                    break
    if names:
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        yield warning(f"files of {', '.join(names[:3])}{more} changed since", "kernels")


@subject.check(
    "readable",
    "whether a user can read the kernel specs and run the program that starts the kernels",
    "JupyterLab does not list a kernel that the user cannot read",
    "chmod -R a+rX PREFIX/kernels",
    needs=("kernels.published",),
    follows=("kernels.launcher", "release.seen-by-user"),
    root=True,
    applies=_here,
)
def readable(here: Context) -> Iterator[Finding]:
    now, record = _record(here)
    wanted = {str(here.site.kernels_current.parent / "launch"): "rx"}
    for name in record.kernels:
        spec = generation.spec_file(now, name)
        wanted |= {str(spec): "r", str(spec.with_name("launch.json")): "r"}
    for fault in here.look_as(here.somebody, paths=wanted)["paths"].values():
        if fault:
            yield Finding(f"{here.somebody}: {fault}", str(here.site.kernels_current))
            return


@subject.check(
    "not-writable",
    "who can write to the published kernels and to the modules",
    "an account that can change kernels or modules can run programs as every user of a kernel",
    "chmod -R go-w FOLDER",
    needs=("release.prefix",),
    applies=_here,
)
def not_writable(here: Context) -> Iterator[Finding]:
    places = [here.site.kernels_current.parent, *here.site.kernels.modulepath]
    if now := generation.current(here.site):
        places += [now, now / "kernels", now / "launch", *sorted((now / "kernels").iterdir())]
    for path in places:
        if path.exists() and path.stat().st_mode & stat.S_IWOTH:
            yield Finding("everybody can write to it", str(path), f"chmod o-w {path}")


@subject.check(
    "launcher",
    "whether the program that starts the kernels, and the Python that this program names, exist",
    "without this program no kernel starts",
    "make kernels",
    needs=("kernels.published",),
    follows=("release.current",),
    applies=_here,
)
def launcher(here: Context) -> Iterator[Finding]:
    path = here.site.kernels_current.parent / "launch"
    if not here.site.kernels_current.exists():
        return  # the check kernels.published reports this
    if not path.exists():
        yield Finding("it is not there", str(path))
        return
    python = path.read_bytes()[:200].partition(b"\n")[0].decode(errors="replace")
    program = python.removeprefix("#!").split(" ")[0]
    if not Path(program).exists():
        yield Finding(f"its Python {program} is not there", str(path))


@subject.check(
    "images",
    "whether each container image exists and was tested",
    "users can start only images that were tested",
    "make images_check",
    applies=lambda site: bool(site.server.images) and _here(site),
)
def images(here: Context) -> Iterator[Finding]:
    for image in here.site.server.images:
        record = here.site.paths.prefix / "images" / f"{image.key}.json"
        if not record.exists():
            yield warning(f"the image {image.key} was not tested", str(record))
        if not image.path.exists():
            yield Finding(f"the image {image.key} is not there", str(image.path))
