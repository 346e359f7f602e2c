"""Solve and install conda packages with py-rattler, in a separate process that base/module_in_child_process.py
starts.

The command is `python -m sitekit.environment.channel.rattler_engine`.
"""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from rattler import (
    Channel,
    Client,
    Config,
    Gateway,
    LockChannel,
    LockFile,
    LockPlatform,
    MatchSpec,
    PrefixRecord,
    RepoDataRecord,
    VirtualPackage,
    install,
    solve,
)
from rattler.exceptions import (
    FetchRepoDataError,
    GatewayError,
    InstallerError,
    InvalidMatchSpecError,
    SolverError,
)

from ...base.errors import Problem
from ...base.module_in_child_process import send_event, serve
from ..wheels.write_conda_package import subdir


def urls(request: dict[str, Any]) -> list[str]:
    """Return the URL of each conda channel in the request. A channel in the request is a name or a
    URL."""
    return [Channel(channel).base_url for channel in request["channels"]]


async def solve_(request: dict[str, Any]) -> list[dict[str, str]]:
    """Solve `specs` with the packages of `channels`, and return the packages of the solution.

    The packages are also written to the file `lock`.
    """
    try:
        records = await solve(
            sources=request["channels"],
            specs=[MatchSpec(spec) for spec in request["specs"]],
            virtual_packages=VirtualPackage.detect(),
            gateway=Gateway(cache_dir=Path(request["cache"]) / "repodata", client=client(request)),
        )
    except SolverError as error:
        raise Problem(
            f"its packages do not fit together in this channel:\n{error}", "environment.yml"
        ) from None
    except InvalidMatchSpecError as error:
        raise Problem(
            f"one of its packages is not in conda's syntax: {error}", "environment.yml"
        ) from None
    except (GatewayError, FetchRepoDataError) as error:
        raise Problem(
            f"the channel's index could not be read: {error}", remedy="run it again"
        ) from None
    write_lock(records, request["channels"], request["lock"])
    return [told(record) for record in records]


def write_lock(package_records: list[RepoDataRecord], channels: list[str], path: str) -> None:
    """Write a list of packages as a lock file in rattler's format."""
    platform = LockPlatform(subdir())
    lock = LockFile([platform])
    lock.set_channels("default", [LockChannel(channel) for channel in channels])
    for record in package_records:
        lock.add_conda_package("default", platform, record)
    lock.to_path(Path(path))


def move(request: dict[str, Any]) -> None:
    """Change each URL in the file `lock` (a list of packages) to a URL in the channel `channel`."""
    package_records = lock_records(request)
    for record in package_records:
        record.url = f"{request['channel']}/{record.subdir}/{record.url.rpartition('/')[2]}"
        record.channel = request["channel"]
    write_lock(package_records, [request["channel"]], request["lock"])


def told(record: RepoDataRecord) -> dict[str, str]:
    """Return a package's name, version, build, URL and hash as a dictionary of strings."""
    return {
        "name": record.name.normalized,
        "version": str(record.version),
        "build": str(record.build),
        "url": record.url,
        "sha256": record.sha256.hex() if record.sha256 else "",
    }


def client(request: dict[str, Any]) -> Client:
    """Return rattler's HTTP client, with the site's mirrors and credentials."""
    return Client.from_config(Config.from_toml(request["config"]))


def locked(request: dict[str, Any]) -> list[dict[str, str]]:
    """Return the packages that the file `lock` lists."""
    return [told(record) for record in lock_records(request)]


def lock_records(request: dict[str, Any]) -> list[RepoDataRecord]:
    """Return the packages in the file `lock` as rattler's objects. Raises Problem if the file
    cannot be read."""
    try:
        lock = LockFile.from_path(request["lock"])
    except Exception as error:  # rattler raises several types of exceptions for an unreadable lock
        raise Problem(f"is not a lock: {error}", request["lock"], "run: make lock") from None
    environment = lock.default_environment()
    platform = next((one for one in lock.platforms() if str(one) == subdir()), None)
    package_records = (
        environment.conda_repodata_records_for_platform(platform)
        if environment and platform
        else None
    )
    if not package_records:
        raise Problem(
            f"this lock has no packages for {subdir()}", request["lock"], "run: make lock"
        )
    return package_records


class Told:
    """Report rattler's progress to the parent process: the number of packages that are already
    installed.

    rattler calls the methods of this class. They have the same names as the methods of rattler's
    class InstallerReporter.
    """

    def on_transaction_start(self, total_operations: int) -> None:
        send_event({"total": total_operations})

    def on_link_start(self, operation: int, package_name: str) -> int:
        send_event({"note": package_name})
        return 0

    def on_link_complete(self, index: int) -> None:
        send_event({"advance": 1})


async def install_(request: dict[str, Any]) -> None:
    """Install the packages of the file `lock` that `prefix` does not contain yet."""
    package_records = lock_records(request)
    check_local(package_records)
    try:
        await install(
            package_records,
            target_prefix=request["prefix"],
            cache_dir=Path(request["cache"]) / "packages",
            client=client(request),
            # py-rattler 0.28.0 would pass its own MatchSpec objects to its Rust code. This code
            # accepts only the inner objects, and raises TypeError for all other objects.
            requested_specs=[MatchSpec(spec)._match_spec for spec in request["specs"]],
            reporter=Told(),  # type: ignore[arg-type]  # rattler calls only methods that exist
            show_progress=False,
        )
    except InstallerError as error:
        raise Problem(
            f"a package could not be installed: {error}", request["prefix"], "run it again"
        ) from None


def check_local(package_records: list[RepoDataRecord]) -> None:
    """Verify the hashes of packages whose channel is a local directory (file://).

    rattler 0.28.0 itself verifies only the hashes of packages that it downloads, and not of local
    files.
    """
    for record in package_records:
        file = Path(unquote(urlsplit(record.url).path))
        if not record.url.startswith("file:") or record.sha256 is None:
            continue
        if not file.is_file():
            raise Problem(
                "this package no longer exists",
                str(file),
                "remove the unfinished release, and run it again",
            )
        if hashlib.sha256(file.read_bytes()).digest() != record.sha256:
            remedy = "remove the channel that it is in, and run it again"
            raise Problem(
                "this package does not have the hash that its channel names", str(file), remedy
            )


def records(request: dict[str, Any]) -> list[str]:
    """Return the names of the packages that are installed in `prefix`. The names come from the
    records in conda-meta.

    Raises Problem if a record in conda-meta cannot be read.
    """
    names = []
    for file in sorted(Path(request["prefix"], "conda-meta").glob("*.json")):
        try:
            names.append(PrefixRecord.from_path(file).name.normalized)
        except (
            Exception
        ) as error:  # rattler raises several types of exceptions for an unreadable record
            raise Problem(
                f"is not a record of conda: {error}", str(file), "build a new release"
            ) from None
    return names


def work(request: dict[str, Any]) -> Any:
    """Run the function that the request's key `verb` names, such as solve or install. Return the
    function's result."""
    verb = request["verb"]
    if verb in ("urls", "records", "locked", "move"):
        return {"urls": urls, "records": records, "locked": locked, "move": move}[verb](request)
    return asyncio.run({"solve": solve_, "install": install_}[verb](request))


if __name__ == "__main__":
    serve(work)
