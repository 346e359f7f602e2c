"""A checkout whose environment is small and comes from a channel of a few wheels, for tests that
break things."""

from __future__ import annotations

import importlib.metadata
import shutil
import subprocess
import zipfile
from pathlib import Path

import release_parts as parts
from tests.checkout import Checkout

from sitekit.environment.release import file_hashes, releases
from sitekit.site import Site

ENVIRONMENT = "name: hub\ndependencies:\n  - python\n  - pip\n  - hello\n"
NEEDED = ("babel", "jinja2", "psutil", "pydantic", "ruamel.yaml")
ENVIRONMENT += "".join(f"  - {name}\n" for name in NEEDED)
LARGER = ENVIRONMENT + "  - stone-age\n"


def pips_wheel(folder: Path) -> Path:
    """The kit's own pip, as the wheel that it was installed from."""
    pip = importlib.metadata.distribution("pip")
    file = folder / f"pip-{pip.version}-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as archive:
        for path in pip.files or []:
            if (
                path.suffix != ".pyc"
                and not str(path).startswith("..")
                and path.name not in ("INSTALLER", "REQUESTED")
            ):
                archive.write(path.locate(), str(path))
    return file


def channel(folder: Path) -> Path:
    """The small channel, with the pip that install_all needs, and empty stand-ins for what sitekit
    asks for."""
    wheels = folder / "wheels"
    wheels.mkdir()
    pips_wheel(wheels)
    parts.wheel(wheels, "babel", {"babel.py": ""}, version="2.18")
    parts.wheel(wheels, "jinja2", {"jinja2.py": ""}, version="3.9")
    parts.wheel(wheels, "psutil", {"psutil.py": ""}, version="7.2")
    parts.wheel(wheels, "pydantic", {"pydantic.py": ""}, version="2.9")
    parts.wheel(wheels, "ruamel_yaml", {"ruamel/yaml/__init__.py": ""}, version="0.18.9")
    return parts.small_channel(folder)


def checkout(folder: Path, packages: Path | str, prefix: Path) -> Checkout:
    """With its packages from `packages` and its releases below `prefix`; nothing runs there, and
    nobody uses them."""
    address = packages.as_uri() if isinstance(packages, Path) else packages
    site = (
        (parts.TOP / "config/sites/demo.yml").read_text().replace("/opt/sitekit/demo", str(prefix))
    )
    site = site.replace("name: demo", "name: small").replace("[conda-forge]", f"['{address}']")
    return Checkout(folder, site.replace("fallback: wheels", "fallback: none"), ENVIRONMENT)


def works(site: Site) -> str:
    """The name of the current release, all of whose files are as they should be, and whose program
    runs."""
    path = site.current.resolve(strict=True)
    release = releases.read(path)
    assert release and release.whole
    assert file_hashes.faults(path, release.facts["own"]) == []
    said = subprocess.run(
        [path / "bin/hello"], capture_output=True, text=True, timeout=300, check=True
    )
    assert said.stdout == "good morning\n"
    return release.name


def forget(site: Site, name: str) -> None:
    """Remove a release that a test has made."""
    shutil.rmtree(site.releases / name)
