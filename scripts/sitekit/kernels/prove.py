"""Start each new or changed kernel for real, in a clean and in a hostile environment; compare it with its probe."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .. import progress
from ..command import identity
from ..errors import Problem
from ..site import Site
from . import hostile
from .generation import root
from .kernel import Kernel
from .rules import Rules

_SMOKE = Path(__file__).parent / "inside" / "smoke.py"
ASK = {
    "python": "import ipykernel, os, sys\n"
    "print('sitekit', sys.executable, ipykernel.__file__, os.environ.get('LOADEDMODULES'), sep='\\t')",
    "R": "cat('sitekit', R.home(), getNamespaceInfo('IRkernel', 'path'), Sys.getenv('LOADEDMODULES'), sep = '\\t')",
}


def prove(site: Site, rules: Rules, generation: Path, kernels: list[Kernel], user: str | None) -> dict[str, str]:
    """Kernel id -> why it failed, for those that did. Starts 2 x cores at a time, as `user`, showing progress."""
    if not kernels:
        return {}
    known = {kernel.id: kernel for kernel in kernels}
    failed: dict[str, str] = {}
    with (
        tempfile.TemporaryDirectory(prefix="sitekit-kernels-") as scratch,
        progress.step("Starting each kernel, clean and hostile", total=2 * len(kernels)) as step,
    ):
        homes = _homes(Path(scratch), kernels)
        starts = [_start(site, rules, generation, kernel, kind, homes[kind]) for kernel in kernels for kind in homes]
        for result in _results(site, Path(scratch), starts, user):
            kernel = known[result["id"]]
            if why := _fault(kernel, result):
                failed.setdefault(kernel.id, f"in a {result['environment']} environment: {why}")
            step.note(kernel.id)
            step.advance()
        step.done(f"{len(kernels) - len(failed)} of {len(kernels)} work")
    return failed


def _homes(scratch: Path, kernels: list[Kernel]) -> dict[str, Path]:
    homes = {kind: scratch / kind for kind in ("clean", "hostile")}
    for home in homes.values():
        home.mkdir()
    hostile.write(homes["hostile"], kernels)
    shutil.copy(_SMOKE, scratch)
    for folder, _, files in os.walk(scratch):
        os.chmod(folder, 0o755)  # noqa: S103
        for file in files:
            os.chmod(os.path.join(folder, file), 0o644)
    return homes


def _start(site: Site, rules: Rules, generation: Path, kernel: Kernel, kind: str, home: Path) -> dict[str, Any]:
    argv = json.loads((generation / "kernels" / kernel.id / "kernel.json").read_text())["argv"]
    if argv[0] != str(root(site) / "launch"):
        raise Problem(f"the spec of {kernel.id} does not start with our launcher but with {argv[0]}", str(generation))
    path = f"{site.current}/bin:/usr/local/bin:/usr/bin:/bin"
    env = {"PATH": path, "LANG": "C.UTF-8", "JUPYTER_PATH": str(site.kernels_current)}
    code = [ASK[kernel.language]] if kernel.language in ASK else []
    return {
        "id": kernel.id,
        "environment": kind,
        # The link to the launcher still leads to the generation before this one.
        "argv": [str(generation / "launch"), *argv[1:]],
        "env": {**env, **(hostile.environment() if kind == "hostile" else {})},
        "home": str(home),
        "code": [*code, *([kernel.check] if kernel.check else [])],
        "timeout": rules.start_timeout,
    }


def _results(site: Site, scratch: Path, starts: list[dict[str, Any]], user: str | None) -> Iterator[dict[str, Any]]:
    argv = [str(site.current / "bin" / "python"), "-I", str(scratch / _SMOKE.name)]
    env = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": str(scratch)}
    (scratch / "order.json").write_text(json.dumps({"parallel": 2 * (os.cpu_count() or 1), "starts": starts}))
    told = 0
    with (
        open(scratch / "order.json") as order,
        open(scratch / "errors", "w+") as errors,
        subprocess.Popen(
            argv, stdin=order, stdout=subprocess.PIPE, stderr=errors, env=env, cwd="/", text=True, **identity(user)
        ) as child,
    ):
        try:
            for line in child.stdout or ():
                told += 1
                yield json.loads(line)
        finally:
            # It ends its kernels when it is interrupted; killed, it would leave them behind.
            if child.poll() is None and told < len(starts):
                child.send_signal(signal.SIGINT)
                child.wait(30)
        child.wait()
        errors.seek(0)
        if told < len(starts):
            raise Problem(
                "the program that starts the kernels ended early", remedy=f"it said: {errors.read()[-2000:].strip()}"
            )


def _fault(kernel: Kernel, result: dict[str, Any]) -> str | None:
    """Why this start is no proof. An answer is not enough: interpreter, modules and library must be those probed."""
    if "reason" in result:
        return result["reason"]
    expect, got = kernel.expect, {"modules": result["modules"]}
    if kernel.language in ASK:
        line = next((line for line in result["printed"][0].splitlines() if line.startswith("sitekit\t")), "")
        if line.count("\t") != 3:
            return f"its output did not come through; it printed {result['printed'][0]!r}"
        _, got["interpreter"], got["library"], got["modules"] = line.split("\t")
    for name, wanted in expect.items():
        if got[name] != wanted and os.path.realpath(got[name]) != os.path.realpath(wanted):
            return f"its {name} is {got[name] or 'none'}, not {wanted}"
    return None
