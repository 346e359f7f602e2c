"""Find out which secrets of a machine an account can read, and which files it can write.

The tests know the values of the secrets. As root, they search all files and processes for these
values. As the account, they then test the access to what they have found.
"""

from __future__ import annotations

import os
import pwd
import re
import subprocess
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from sitekit.demo.cluster import paths_and_ports
from sitekit.machine.installed.manifest import load_manifest
from sitekit.site import Site

from .attacks.state import rows
from .processes import processes

PLACES = ("/dev/shm", "/etc", "/home", "/opt", "/run", "/srv", "/tmp", "/usr/local", "/var")
ASK = """
import os, sys
mode, paths = getattr(os, sys.argv[1]), sys.stdin.buffer.read().split(b"\\0")
sys.stdout.buffer.write(b"\\0".join(path for path in paths if os.access(path, mode)))
"""


class Place(Protocol):
    """A machine: the path of its file tree for this process, and how to run a program there."""

    @property
    def root(self) -> Path: ...

    def argv(self, *words: object) -> list[str]: ...


class Here:
    """This machine."""

    root = Path("/")

    def argv(self, *words: object) -> list[str]:
        return [*map(str, words)]


def may(place: Place, user: str, mode: str, paths: Iterable[Path]) -> set[Path]:
    """Return those of `paths` to which `user` has access; `mode` is a mode of access(2)."""
    account = [
        "setpriv",
        f"--reuid={user}",
        f"--regid={pwd.getpwnam(user).pw_gid}",
        "--init-groups",
        "--",
    ]
    argv = place.argv(*account, "/usr/bin/python3", "-I", "-c", ASK, mode)
    given = b"\0".join(map(os.fsencode, paths))
    told = subprocess.run(
        argv, input=given, cwd="/", check=True, capture_output=True, timeout=300
    ).stdout
    return {Path(os.fsdecode(path)) for path in told.split(b"\0") if path}


def below(place: Place, folders: Iterable[Path], *tests: str) -> list[Path]:
    """Return all paths below `folders` that pass the `tests` of find(1), as root."""
    tops = [place.root / folder.relative_to("/") for folder in folders]
    argv = ["find", *(str(top) for top in tops if top.exists()), "-xdev", *tests, "-print0"]
    # find reports an error for files that were removed meanwhile
    told = subprocess.run(
        argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=300
    ).stdout.split(b"\0")
    return ["/" / Path(os.fsdecode(path)).relative_to(place.root) for path in told if path]


def holders(
    place: Place, secrets: dict[str, bytes], folders: Iterable[Path], since: float
) -> dict[Path, set[str]]:
    """Return the files that contain a secret, also compressed, each with the names of the secrets.

    Only files that changed after `since` are read, because the secrets did not exist before.
    """
    links: dict[tuple[int, int], list[Path]] = {}
    for path in below(place, folders, "-type", "f", "-newerct", f"@{since:.0f}"):
        with suppress(FileNotFoundError):
            file = os.stat(place.root / path.relative_to("/"))
            links.setdefault((file.st_dev, file.st_ino), []).append(path)
    real = {str(place.root / paths[0].relative_to("/")): paths for paths in links.values()}
    found = {name: _content(name) for name in _grep(real, secrets)}
    found |= {name: text for name in real if (text := _unpacked(name))}
    return {
        path: names
        for name, text in found.items()
        if (names := found_in(text, secrets))
        for path in real[name]
    }


def installed(site: Site, place: Place) -> list[Path]:
    """Return all paths that `make apply` and `make demo` created, all below them, and all above.

    Of the prefix, which `make install_all` fills, only the folders above the releases are returned.
    """
    manifest = load_manifest(site, place.root)
    made = {
        *map(Path, manifest.files),
        *map(Path, manifest.folders),
        *paths_and_ports.directories(site),
    }
    tops = {path for path in made if not path.is_relative_to(site.paths.prefix)}
    assert {site.etc, site.run, site.log, site.backups, site.libexec, site.paths.state} <= tops
    tops |= {Path(pwd.getpwnam(name).pw_dir) / ".jupyterhub" for name in paths_and_ports.USERS}
    above = {parent for top in [*tops, site.releases] for parent in top.parents}
    return [*above, *below(place, tops, "!", "-type", "l")]


def in_processes(secrets: dict[str, bytes]) -> Iterator[tuple[str, int, set[str]]]:
    """Yield `cmdline` or `environ`, the owner and the names of secrets, for each such process.

    Everybody can read `cmdline`. Only the owner of the process can read `environ`.
    """
    for folder in processes():
        for what in ("cmdline", "environ"):
            try:
                text, owner = (folder / what).read_bytes(), (folder / what).stat().st_uid
            except OSError:
                continue
            if folder.name != str(os.getpid()) and (names := found_in(text, secrets)):
                yield what, owner, names


def found_in(text: bytes, secrets: dict[str, bytes]) -> set[str]:
    return {name for name, secret in secrets.items() if secret in text}


def secrets_of(site: Site, place: Place) -> dict[str, bytes]:
    """Return the values that an installation must keep secret, by name."""
    state = place.root / site.paths.state.relative_to("/")
    etc = place.root / site.etc.relative_to("/")
    found = {
        "token of the proxy": _first(r"CONFIGPROXY_AUTH_TOKEN=(\w{64})", etc / "proxy.env"),
        "cookie secret": (state / "cookie_secret").read_bytes().strip(),
        # lines after the first one also contain the public key, which the certificate contains too
        "key of the certificate": _first(r"PRIVATE KEY-----\n(\S{64})\n", etc / "tls/key.pem"),
    }
    found |= {
        f"second factor of {path.name}": path.read_bytes().split()[0]
        for path in (state / "totp").glob("*")
    }
    kept = {
        "cookie of": "SELECT name, cookie_id FROM users",
        "hash of token": "SELECT id, hashed FROM api_tokens",
        "OAuth secret of": "SELECT identifier, secret FROM oauth_clients WHERE secret != ''",
    }
    for what, query in kept.items():
        found |= {
            f"{what} {who}": value.encode()
            for who, value in rows(state / "jupyterhub.sqlite", query)
        }
    for line in (place.root / "etc/shadow").read_text().splitlines():
        name, password = line.split(":")[:2]
        found |= {f"password hash of {name}": password.encode()} if password.startswith("$") else {}
    assert all(len(secret) >= 12 for secret in found.values()), "too short: may match by chance"
    return found


def first_of(site: Site, place: Place) -> float:
    """Return when the first secret was created, minus one minute, in seconds since the epoch."""
    made = (site.etc / "proxy.env", site.etc / "tls/key.pem", paths_and_ports.PASSWORDS)
    return min((place.root / path.relative_to("/")).stat().st_ctime for path in made) - 60


def _first(pattern: str, file: Path) -> bytes:
    [found] = re.findall(pattern, file.read_text())
    return found.encode()


def _grep(files: Iterable[str], secrets: dict[str, bytes]) -> list[str]:
    """Return the files that contain a secret, not compressed.

    grep reads the secrets from a memfd, so that no file and no command line contains them.
    """
    patterns = os.memfd_create("patterns")
    os.write(patterns, b"\n".join(secrets.values()))
    try:
        argv = ["xargs", "-0", "grep", "-lsaZF", "-f", f"/proc/self/fd/{patterns}", "--"]
        given = b"\0".join(map(os.fsencode, files))
        told = subprocess.run(
            argv, input=given, pass_fds=[patterns], env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"}, capture_output=True,
            timeout=300,
        )  # fmt: skip
    finally:
        os.close(patterns)
    assert not told.stderr, told.stderr
    return [os.fsdecode(name) for name in told.stdout.split(b"\0") if name]


def _content(name: str) -> bytes:
    """Return the content of a file; nothing if it was removed, as SQLite removes its journals."""
    try:
        return Path(name).read_bytes()
    except FileNotFoundError:
        return b""


def _unpacked(name: str) -> bytes:
    """Return the content of a file that gzip has compressed; nothing for any other file."""
    with suppress(OSError, zlib.error), open(name, "rb") as content:
        if content.read(3) == b"\x1f\x8b\x08":
            content.seek(0)
            return zlib.decompressobj(31).decompress(content.read())
    return b""
