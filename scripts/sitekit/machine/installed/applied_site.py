"""Read the applied sites: the copy of each site file at its last `make apply`
(`/etc/sitekit/NAME/site.yml`).

The manifest is in the same folder as the applied site. The applied site and the manifest together
record what is on the machine, even if the site file was changed later. `make apply` and `make
uninstall` start from the record of the applied site.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import create_model

from ...base.errors import BadInput, BadInputs
from ...contracts.database_url import database_in_words, postgresql
from ...site import Site
from ...site.yaml_files.model_fields import names_at
from ...site.yaml_files.validate_yaml import validate
from ...site.yaml_files.yaml_file import read_yaml
from . import unix_accounts
from .manifest import manifest_path
from .read_and_restore_path import on_disk

_KEYS = ("name", "paths", "supervisor", "hub", "proxy", "login", "slurm", "front", "backup")
"""The sections of a site file on which the site's services, files, folders and group memberships
depend."""

_FIELDS: dict[str, Any] = {
    key: (field.annotation, field) for key, field in Site.model_fields.items() if key in _KEYS
}
_Sections = create_model("_Sections", **_FIELDS)
"""A model of only the sections in _KEYS. A complete model would refuse these sections if they
contradict the rest of the present site file."""


def applied_path(site: Site) -> Path:
    """Return the path of the applied site: the copy of the site file at the last `make apply`. The
    hub reads this copy."""
    return site.etc / "site.yml"


def applied(site: Site, root: Path) -> Site:
    """Return the site's settings at the last `make apply`; if there was no apply yet, return
    `site`. Raises BadInput."""
    real = on_disk(root, applied_path(site))
    return _read(real, site) if real.is_file() else site


def other_sites(site: Site, root: Path) -> list[Site]:
    """Return the other sites of this machine, with their settings at the last `make apply`. Raises
    BadInput."""
    found = on_disk(root, site.etc.parent).glob(f"*/{manifest_path(site).name}")
    paths = [
        path.with_name(applied_path(site).name)
        for path in sorted(found)
        if path.parent.name != site.name
    ]
    return [_read(path, site) for path in paths if path.is_file()]


def _read(path: Path, site: Site) -> Site:
    """Read the sections _KEYS of an applied site; take all other sections from `site`.

    Unknown keys are ignored, because another version of sitekit may have written the file.
    """
    document, mine = read_yaml(path), site.model_dump(mode="json", include=set(_KEYS))
    values = {}
    for key, own in mine.items():
        there = _known(document.values.get(key, own), (key,))
        values[key] = own | there if isinstance(own, dict) else there
    sections = validate(_Sections, replace(document, values=values))
    return site.model_copy(update={key: getattr(sections, key) for key in _KEYS})


def _known(value: Any, path: tuple[str, ...]) -> Any:
    """Return a value of the applied site, without the keys that do not exist in this version of
    sitekit."""
    names = names_at(Site, path)
    if not names or not isinstance(value, dict):
        return value
    return {name: _known(one, (*path, name)) for name, one in value.items() if name in names}


def check_follows(site: Site, root: Path) -> None:
    """Refuse a changed site file if the hub would start without its present database, or if the
    site conflicts with another site.

    Two sites conflict if they share a port or a state folder. Raises BadInputs.
    """
    apart = (fault for other in other_sites(site, root) for fault in _clashes(site, other))
    if faults := [*_left_behind(site, applied(site, root), root), *apart]:
        raise BadInputs(faults)


def _left_behind(site: Site, before: Site, root: Path) -> Iterator[BadInput]:
    """Yield an error if the site file names another state folder or another account for the hub,
    and the folder of the last apply still contains files.

    If the hub started with an empty state folder, it would have no record of the running servers.
    """
    old, new = before.paths.state, site.paths.state
    if old != new and _holds_something(on_disk(root, old)):
        what = f"the hub's state is in {old}"
        yield BadInput(what, "paths.state", f"sudo make stop; mv -T {old} {new}; then this again")
    state, account = on_disk(root, new), before.hub.user
    other = account != site.hub.user and unix_accounts.has_account(root, account)
    if (
        other
        and _holds_something(state)
        and state.stat().st_uid == unix_accounts.numbers(root, account)[0]
    ):
        remedy = f"sudo make stop; chown -R root: {new}; chmod 700 {new}; then run this again"
        yield BadInput(f"{new} is {account}'s, who was the hub until now", "hub.user", remedy)


def _holds_something(real: Path) -> bool:
    """Return whether a folder contains files. If the current user cannot read the folder, the
    result is True.

    `sudo make apply` runs as root, and can therefore check each folder.
    """
    try:
        return real.is_dir() and any(real.iterdir())
    except PermissionError:
        return True


def _clashes(site: Site, other: Site) -> Iterator[BadInput]:
    """Yield an error for each port and folder that this site and another site of the machine both
    use."""
    remedy = f"if that is this site's old name: sudo make uninstall SITE={applied_path(other)}; else take another"
    taken = {port: key for key, port in other.ports.items()}
    apart = site.hub_listens_at != other.hub_listens_at
    for key, port in site.ports.items():
        if port in taken and not (apart and key == taken[port] == ("hub", "port")):
            what = f"port {port} is that of the site {other.name} ({'.'.join(taken[port])}) on this machine"
            yield BadInput(what, ".".join(key), remedy)
    yield from _tunnel_clashes(site, other)
    database = postgresql(site), postgresql(other)
    if database[0] and database[1] and database[0].place == database[1].place:
        what = f"{database_in_words(site)} is that of the site {other.name} on this machine"
        yield BadInput(what, "hub.database", remedy)
    mine, theirs = site.paths.state, other.paths.state
    if mine.is_relative_to(theirs) or theirs.is_relative_to(mine):
        yield BadInput(
            f"{theirs} is the state of the site {other.name} on this machine", "paths.state", remedy
        )


def _tunnel_clashes(site: Site, other: Site) -> Iterator[BadInput]:
    """Yield an error if the tunnel ports of one site include a port of the other site, or if both
    sites have the same tunnel ports."""
    key, remedy = "slurm.ssh.tunnel.ports", "write a range without these ports"
    mine, theirs = site.tunnel and site.tunnel.ports, other.tunnel and other.tunnel.ports
    if mine and theirs and mine[0] <= theirs[1] and theirs[0] <= mine[1]:
        what = f"tunnels of the site {other.name} on this machine have the ports {theirs[0]} to {theirs[1]}"
        yield BadInput(what, key, remedy)
    if mine and (taken := [port for port in other.ports.values() if mine[0] <= port <= mine[1]]):
        yield BadInput(f"port {taken[0]} is that of the site {other.name}", key, remedy)
    for place, port in site.ports.items():
        if theirs and theirs[0] <= port <= theirs[1]:
            what = f"port {port} is one of the ports of tunnels of the site {other.name}"
            yield BadInput(what, ".".join(place), "write another port")
