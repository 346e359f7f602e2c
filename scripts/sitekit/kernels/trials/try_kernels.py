"""Start kernels in a clean and in a hostile environment, and compare each kernel with the result of
its first test."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...base import progress
from ...base.errors import Problem
from ...base.run_program import identity
from ...site import Site
from ..generations.generation import root, spec_file
from ..generations.kernel_record import Kernel
from . import hostile_home, kernels_with_users_modules

KINDS = ("clean", "hostile")
SMOKE = Path(__file__).parent / "inside" / "smoke.py"
ASK = {
    "python": "import ipykernel, os, sys\n"
    "print('sitekit', sys.executable, ipykernel.__file__, os.environ.get('LOADEDMODULES', ''), sep='\\t')",
    "R": "cat('sitekit', R.home(), getNamespaceInfo('IRkernel', 'path'), Sys.getenv('LOADEDMODULES'), sep = '\\t')",
}


@dataclass(frozen=True)
class Trial:
    """Hold the settings for the test of kernels.

    `user` is the account that runs the kernels (None means the account of this process). `timeout`
    is the time limit for each start, in seconds. `srun` is the command line with which the test
    runs on a compute node. If the test runs on this host, `srun` is empty.
    """

    user: str | None
    timeout: int
    srun: tuple[str, ...] = ()


def account(site: Site, name: str) -> str | None:
    """Return the account that runs modules and kernels in a test. If this process runs as root, the
    result is `name`. Otherwise, the result is None, which means the account of this process.

    Raises Problem if the account does not exist, or if no release is installed.
    """
    if not (site.current / "bin" / "python").exists():
        raise Problem(
            "there is no hub environment yet",
            str(site.current),
            "run `make setup_conda install_all` first",
        )
    if os.geteuid() != 0:
        return None
    try:
        pwd.getpwnam(name)
    except KeyError:
        what = f"there is no account '{name}' for the test of kernels"
        raise Problem(what, "kernels.yml: test_as", "name an ordinary account") from None
    return name


def start_and_compare(
    site: Site, generation: Path, kernels: list[Kernel], trial: Trial
) -> dict[str, str]:
    """Start the kernels, two per core at the same time. Return the kernels that failed, as a map of
    kernel ids to reasons.

    The function shows a progress bar. Raises Problem if the program that starts the kernels fails.
    """
    if not kernels:
        return {}
    known = {kernel.id: kernel for kernel in kernels}
    failed: dict[str, str] = {}
    # compute nodes can read the prefix, but not this host's /tmp
    place = root(site) if trial.srun else None
    with (
        tempfile.TemporaryDirectory(prefix=".trial-", dir=place) as scratch,
        progress.step("Starting each kernel, clean and hostile", total=2 * len(kernels)) as step,
    ):
        starts = _starts(site, generation, kernels, Path(scratch), trial, failed)
        for result in _results(site, Path(scratch), starts, trial):
            kernel = known[result["id"]]
            why, where = _fault(kernel, result, elsewhere=bool(trial.srun)), result["environment"]
            # If both starts fail, report the failure in the clean environment, which is simpler to
            # understand.
            if why and (where == "clean" or kernel.id not in failed):
                failed[kernel.id] = f"in a {where} environment: {why}"
            step.note(kernel.id)
            step.advance()
        step.done(f"{len(kernels) - len(failed)} of {len(kernels)} work")
    return failed


def _starts(
    site: Site,
    generation: Path,
    kernels: list[Kernel],
    scratch: Path,
    trial: Trial,
    failed: dict[str, str],
) -> list[dict[str, Any]]:
    """Copy the program that starts kernels (smoke.py) to `scratch`. Return one request to this
    program for each start of a kernel.

    If the files of a kernel cannot be written (for example, because its module's name is too long),
    the kernel is added to `failed`.
    """
    starts = []
    for kernel in kernels:
        try:
            pair = [
                _start(site, generation, kernel, kind, scratch / kind / kernel.id, trial)
                for kind in KINDS
            ]
        except OSError as error:
            failed[kernel.id] = f"it cannot be tried: {error}"
            continue
        starts += pair
    shutil.copy(SMOKE, scratch)
    for folder, _, files in os.walk(scratch):
        os.chmod(folder, 0o755)  # noqa: S103
        for file in files:
            os.chmod(os.path.join(folder, file), 0o644)
    return starts


def _start(
    site: Site, generation: Path, kernel: Kernel, kind: str, home: Path, trial: Trial
) -> dict[str, Any]:
    """Prepare the home directory for one start of a kernel. Return the request to the program that
    starts kernels (smoke.py)."""
    home.mkdir(parents=True)
    if kind == "hostile":
        hostile_home.write_hostile_home(home, [kernel])
    kernels_with_users_modules.write(home, [kernel])
    spec = spec_file(generation, kernel.id)
    argv = [
        word.replace("{resource_dir}", str(spec.parent))
        for word in json.loads(spec.read_text())["argv"]
    ]
    if argv[0] != str(root(site) / "launch"):
        raise Problem(
            f"the spec of {kernel.id} does not start with sitekit's launcher but with {argv[0]}",
            str(generation),
        )
    path = f"{site.current}/bin:/usr/local/bin:/usr/bin:/bin"
    env = {"PATH": path, "LANG": "C.UTF-8", "JUPYTER_PATH": str(site.kernels_current)}
    if kind == "hostile":
        env |= hostile_home.environment()
    env |= kernels_with_users_modules.environment(kernel)
    code = [ASK[kernel.language]] if kernel.language in ASK else []
    return {
        "id": kernel.id,
        "environment": kind,
        # the link PREFIX/kernels/launch is not used, because this link still points to the previous
        # generation
        "argv": [str(generation / "launch"), *argv[1:]],
        "env": env,
        "home": str(home),
        "code": [*code, *([kernel.check] if kernel.check else [])],
        "timeout": trial.timeout,
    }


def _results(
    site: Site, scratch: Path, starts: list[dict[str, Any]], trial: Trial
) -> Iterator[dict[str, Any]]:
    """Run the program that starts kernels (smoke.py), and yield one result for each start."""
    argv = [*trial.srun, str(site.current / "bin" / "python"), "-I", str(scratch / SMOKE.name)]
    env = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": str(scratch)}
    env |= {"SLURM_CONF": str(site.slurm.conf)} if site.slurm.conf else {}
    (scratch / "starts.json").write_text(json.dumps({"starts": starts}))
    count, account_settings = 0, identity(trial.user)
    with (
        open(scratch / "starts.json") as requests,
        open(scratch / "errors", "w+") as errors,
        subprocess.Popen(
            argv,
            stdin=requests,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=env,
            cwd="/",
            text=True,
            **account_settings,
        ) as child,
    ):
        try:
            for line in child.stdout or ():
                count += 1
                yield json.loads(line)
        finally:
            # On SIGINT, the program ends its kernels. If the program were killed, the kernels would
            # still run.
            if child.poll() is None and count < len(starts):
                child.send_signal(signal.SIGINT)
                child.wait(30)
        child.wait()
        errors.seek(0)
        if count < len(starts):
            raise Problem(
                "the kernels could not all be started; nothing was changed",
                remedy=f"the program that starts them ended early, and printed: {errors.read()[-2000:].strip()}",
            )


def _fault(kernel: Kernel, result: dict[str, Any], elsewhere: bool) -> str | None:
    """Compare the result of one start of a kernel with the result of the first test. Return the
    fault. If the kernel works, return None.

    The kernel must answer. The path of its interpreter, the loaded modules, and the path of its
    package ipykernel or IRkernel must be the same as in the first test. On a compute node
    (`elsewhere` is true), the modules are allowed to choose another build of the interpreter for
    the CPU type.
    """
    if "reason" in result:
        return result["reason"]
    expect, got = kernel.expect, {"modules": result["modules"]}
    if kernel.language in ASK:
        line = next(
            (line for line in result["printed"][0].splitlines() if line.startswith("sitekit\t")), ""
        )
        if line.count("\t") != 3:
            return f"its output did not come through; it printed {result['printed'][0]!r}"
        _, got["interpreter"], got["library"], got["modules"] = line.split("\t")
    if (
        elsewhere
        and "another_build" in kernel.launch
        and got["interpreter"] != expect["interpreter"]
    ):
        absent = set(kernel.launch["modules"]) - set(got["modules"].split(":"))
        return f"{', '.join(sorted(absent))} is not loaded" if absent else None
    for name, wanted in expect.items():
        if got[name] != wanted and os.path.realpath(got[name]) != os.path.realpath(wanted):
            return f"its {name} is {got[name] or 'none'}, not {wanted}"
    return None
