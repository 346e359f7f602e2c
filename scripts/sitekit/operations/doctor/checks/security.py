"""Check which accounts can read the site's secrets, and whether packages have known
vulnerabilities."""

from __future__ import annotations

import stat
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ....base.errors import Problem
from ....base.finding import Finding, unseen, warning
from ....contracts.internal_tls import authority_key, folder
from ....machine.checks.secret_file_modes import check_secrecy
from ....machine.host.target import Target
from ....machine.installed import unix_accounts
from ....machine.installed.read_and_restore_path import MACHINE
from ....machine.render.machine_secrets import generated_paths
from ....machine.web.certificate import lasts
from ....site import Site
from ...advisories.list_installed_packages import Package, installed
from ...advisories.read_advisory_source import fetched
from ...advisories.read_osv_files import is_advisory, read_advisories, vulnerable_packages
from ..check import Subject
from ..context import Context
from .site_file import problems

subject = Subject("security", "Secrets and rights")
DOWNLOAD = 60.0  # seconds: the time limit of the check, which may download advisories from a mirror


@subject.check(
    "secrets",
    "the modes of tokens, keys and secrets that `make apply` made",
    "an account that can read these secrets can redirect users, or impersonate the site",
    "chmod o-rwx FILE; then sudo make rotate_secrets",
    needs=("site.applied",),
    follows=("files.modes",),
    root=True,
)
def secrets_are_secret(here: Context) -> Iterator[Finding]:
    for path in sorted(generated_paths(here.site)):
        if not path.is_file() or path.suffix == ".pub":
            continue
        text = path.read_bytes()
        secret = b"PRIVATE KEY" in text or path.suffix in (".env", ".conf", ".key")
        if secret and path.stat().st_mode & 0o007:
            mode = stat.S_IMODE(path.stat().st_mode)
            yield Finding(f"others may read it (mode {mode:04o})", str(path), f"chmod o-rwx {path}")


@subject.check(
    "given-secrets",
    "the modes of keys and secrets that site.yml names",
    "an account that can read these secrets can impersonate this site",
    "chmod go-r FILE",
    root=True,
)
def given_secrets(here: Context) -> Iterator[Finding]:
    yield from problems(lambda: check_secrecy(Target(here.site)))


@subject.check(
    "service-secrets",
    "whether hub and proxy can read their own secrets",
    "without their secrets the services do not start, or refuse each other's connections",
    "sudo make apply",
    needs=("accounts.exist",),
    follows=("accounts.memberships", "files.missing"),
    root=True,
    before=("start",),
)
def service_secrets(here: Context) -> Iterator[Finding]:
    site = here.applied
    wanted = {site.hub.user: {str(site.etc / "proxy.env"): "r", str(site.etc / "site.yml"): "r"}}
    wanted[site.proxy.user] = {str(site.etc / "proxy.env"): "r"}
    if site.internal_tls:
        wanted[site.hub.user][str(folder(site) / "hub.pem")] = "r"
        wanted[site.hub.user][str(authority_key(site, "servers"))] = "r"
        wanted[site.proxy.user][str(folder(site) / "proxy.pem")] = "r"
    for account, paths in wanted.items():
        for path, fault in here.look_as(account, paths=paths)["paths"].items():
            if fault:
                yield Finding(f"{account}: {fault}", path)


@subject.check(
    "token",
    "the length of the token with which the hub configures the proxy",
    "with an empty or short token, others can change the proxy's routes",
    "sudo make rotate_secrets",
    needs=("site.applied",),
    follows=("files.missing",),
    root=True,
    before=("start",),
)
def token(here: Context) -> Iterator[Finding]:
    path = here.applied.etc / "proxy.env"
    if not path.is_file():
        yield Finding("it is not there", str(path), "sudo make apply")
        return
    values = dict(line.split("=", 1) for line in path.read_text().splitlines() if "=" in line)
    if len(values.get("CONFIGPROXY_AUTH_TOKEN", "")) < 32:
        yield Finding("the token is missing or too short", str(path))


@subject.check(
    "internal-tls",
    "how long the certificates of hub, proxy, front and culler for internal TLS are valid",
    "if one of these certificates has expired, the services refuse each other's connections",
    "sudo make apply",
    needs=("site.applied",),
    follows=("files.missing",),
    root=True,
    applies=lambda site: site.internal_tls,
)
def internal_tls(here: Context) -> Iterator[Finding]:
    for owner in ("hub", "proxy", "front", "culler"):
        path = folder(here.applied) / f"{owner}.pem"
        if not path.is_file():
            yield Finding("it is not there", str(path))
        elif not lasts(path, 0):
            yield Finding("it is out of date", str(path))
        elif not lasts(path, 14 * 86400):
            yield warning("it is valid for less than two weeks", str(path))


@subject.check(
    "backups",
    "whether accounts other than root can enter the folder of the backups",
    "a backup contains all secrets and all users' tokens",
    "chmod 700 FOLDER; chmod 600 FILE",
    needs=("site.applied",),
    root=True,
)
def backups(here: Context) -> Iterator[Finding]:
    place = here.site.backups
    if not place.is_dir():
        return
    if place.stat().st_mode & 0o077:
        mode = stat.S_IMODE(place.stat().st_mode)
        yield Finding(f"others may enter it (mode {mode:04o})", str(place), f"chmod 700 {place}")


@subject.check(
    "settings",
    "who can write to /etc/sitekit and to the units of the site",
    "an account that can change these files decides which programs root and the hub run",
    "chown root FILE; chmod go-w FILE",
    needs=("site.applied",),
    follows=("files.modes", "files.folders"),
)
def settings(here: Context) -> Iterator[Finding]:
    places = [Path("/etc/sitekit"), here.site.etc, *sorted(here.site.etc.iterdir())]
    places += sorted(Path("/etc/systemd/system").glob(f"{here.site.service('')}*"))
    for path in places:
        found = path.lstat()
        if stat.S_ISLNK(found.st_mode):
            continue
        if found.st_mode & 0o002:
            yield Finding("everybody can write to it", str(path), f"chmod o-w {path}")
        elif found.st_uid and path.is_dir():
            yield Finding("it does not belong to root", str(path), f"chown root {path}")


@subject.check(
    "admins",
    "the members of login.admin_groups",
    "an administrator of the hub can stop all servers, and sees all users",
    "gpasswd --delete USER GROUP",
    needs=("accounts.groups",),
    applies=lambda site: bool(site.login.admin_groups),
)
def admins(here: Context) -> Iterator[Finding]:
    site = here.site
    names = {name for group in site.login.admin_groups for name in _members(group)}
    people = {name for group in site.login.allowed_groups for name in _members(group)}
    if names and people and names >= people and len(people) > 3:
        yield warning("each user is an administrator of the hub", "login.admin_groups")
    for name in sorted(names & set(site.service_accounts)):
        yield warning(f"the service account {name} is an administrator", "login.admin_groups")


def _members(group: str) -> set[str]:
    if not unix_accounts.has_group(MACHINE, group):
        return set()
    return unix_accounts.members(MACHINE, group)


def _vulnerable(document: Any, known: dict[tuple[str, str], list[Package]]) -> Iterator[Finding]:
    """Yield a warning for each installed package to which an advisory applies.

    This check ignores a document that is not in OSV's format. `make advisories` prints the number
    of such documents.
    """
    try:
        found = list(vulnerable_packages(document, known))
    except (ValueError, TypeError, KeyError, AttributeError):
        return
    for hit in found:
        fixed = f"fixed in {hit.fixed}" if hit.fixed else "no fixed version is named"
        what = f"{hit.package.name} {hit.package.version}: {hit.id}; {fixed}"
        yield warning(what, hit.package.place)


def _installed(site: Site) -> dict[tuple[str, str], list[Package]]:
    """Return the installed packages of the release: (PyPI or npm, name) -> packages with this
    name."""
    known = defaultdict(list)
    release = site.current.resolve()
    for package in installed(release, f"release {release.name}"):
        known[package.ecosystem, package.name].append(package)
    return known


@subject.check(
    "advisories",
    "known vulnerabilities of the release's packages, from the files or addresses of advisories in OSV=",
    "an attacker reads the same advisories",
    "make upgrade",
    needs=("release.current",),
    seconds=DOWNLOAD,
)
def advisories(here: Context) -> Iterator[Finding]:
    if not here.advisories:
        yield unseen("no advisories were given", "OSV=file, or make advisories")
        return
    known, count = _installed(here.site), 0
    with tempfile.TemporaryDirectory(prefix="sitekit-osv-") as scratch:
        for source in here.advisories:
            try:
                path = fetched(here.site, source, Path(scratch))
            except Problem as silence:
                yield unseen(f"{source}: {silence.what}", silence.remedy or "")
                continue
            for document in filter(is_advisory, read_advisories(path)):
                count += 1
                yield from _vulnerable(document, known)
    if not count:
        yield unseen("there is no advisory in OSV's format", "OSV=file")
