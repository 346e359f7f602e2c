"""If root calls `make kernels` or a related command, run the command under the account that owns
the prefix.

If root wrote files in the prefix, the owner of the prefix could not replace these files. In
addition, on some network filesystems root has no rights. The command runs from a copy of sitekit,
because the owner cannot always read the checkout. For example, some checkouts are in root's home.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from ..base.data_files import CHECKOUT, OWN_KERNELS, data
from ..base.errors import Problem
from ..base.run_program import identity
from ..site import Site
from ..site.show import dump

_PACKAGE = Path(__file__).resolve().parents[1]


def another_owner(site: Site) -> str | None:
    """Return the account that owns the prefix. If root owns the prefix, or if this process does not
    run as root, return None.

    Raises Problem if no account has the uid that owns the prefix.
    """
    if os.geteuid() != 0 or not site.paths.prefix.exists():
        return None
    owner = site.paths.prefix.stat().st_uid
    if owner == 0:
        return None
    try:
        return pwd.getpwuid(owner).pw_name
    except KeyError:
        what = f"it belongs to the uid {owner}, and no account on this host has that uid"
        remedy = "chown it to the account that manages it"
        raise Problem(what, str(site.paths.prefix), remedy) from None


def run_as(owner: str, site: Site, command: str, *words: str) -> int:
    """Run a command of sitekit as the account `owner`, from a copy of sitekit. Return the command's
    exit code."""
    with tempfile.TemporaryDirectory(prefix="sitekit-copy-") as name:
        copy = Path(name)
        _copy_kit(copy)
        (copy / "site.yml").write_text(dump(site))
        for folder, _, files in os.walk(copy):
            os.chmod(folder, 0o755)  # noqa: S103
            for file in files:
                os.chmod(os.path.join(folder, file), 0o644)
        path = os.pathsep.join([str(copy / "scripts"), str(copy / "packages")])
        environment = {
            **os.environ,
            "HOME": pwd.getpwnam(owner).pw_dir,
            "SITE": str(copy / "site.yml"),
        }
        environment |= {"PYTHONPATH": path, "PYTHONNOUSERSITE": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        # The Python of a virtual environment is not used, because this environment can be below the
        # checkout.
        argv = [getattr(sys, "_base_executable", sys.executable), "-m", "sitekit", command, *words]
        before = signal.getsignal(signal.SIGINT)
        try:
            with subprocess.Popen(argv, cwd="/", env=environment, **identity(owner)) as child:
                # Ctrl-C also reaches the child process, which then cleans up. Wait until the child
                # process has ended.
                signal.signal(signal.SIGINT, signal.SIG_IGN)
                return child.wait()
        finally:
            signal.signal(signal.SIGINT, before)


def _copy_kit(copy: Path) -> None:
    """Copy sitekit's Python package, sitekit's data about kernels and languages, and the other
    Python packages that this process has imported."""
    without = shutil.ignore_patterns("__pycache__")
    shutil.copytree(_PACKAGE, copy / "scripts/sitekit", ignore=without)
    shutil.copytree(data("kernels"), copy / "kernels", ignore=without, dirs_exist_ok=True)
    shutil.copytree(data("config/languages"), copy / "config/languages")
    if (CHECKOUT / OWN_KERNELS).exists():
        shutil.copy(CHECKOUT / OWN_KERNELS, copy / OWN_KERNELS)
    (copy / "packages").mkdir()
    for package in _loaded_packages():
        if package.is_dir():
            shutil.copytree(package, copy / "packages" / package.name, ignore=without)
        else:
            shutil.copy(package, copy / "packages")


def _loaded_packages() -> set[Path]:
    """Return the packages of site-packages that this process has imported, except sitekit
    itself."""
    folders = {Path(sysconfig.get_path(kind)).resolve() for kind in ("purelib", "platlib")}
    files = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
    found = set()
    for file in {Path(file).resolve() for file in files if file}:
        found |= {
            folder / file.relative_to(folder).parts[0]
            for folder in folders
            if folder in file.parents
        }
    return found - {_PACKAGE}
