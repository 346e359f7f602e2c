"""Check whether this machine has what a PostgreSQL database needs. Check also that the site does
not change to another database while users' servers run.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator

from ...base.errors import BadInput, BadInputs
from ...contracts.database_url import postgresql
from ...site import Site
from ..host import postgresql as server
from ..host.target import Target
from ..installed.applied_site import applied
from ..installed.read_and_restore_path import MACHINE
from ..web.check_provided_files import client_secret
from .servers_on_removed_backends import open_servers

_PASSWORD = re.compile(r"[^\x00-\x1f\x7f]{1,1000}")


def check_database(target: Target) -> None:
    """Refuse a PostgreSQL database if its password, its certificates or PostgreSQL's client
    programs are missing. Refuse a change to another database while servers run. Raises
    BadInputs."""
    if found := list(_faults(target)):
        raise BadInputs(found)


def _faults(target: Target) -> Iterator[BadInput]:
    """Yield an error for each reason why the hub could not use its database."""
    there = postgresql(target.site)
    if there and there.password and not _PASSWORD.fullmatch(client_secret(target, there.password)):
        what = f"{there.password} does not contain the password of the database"
        remedy = "the file must contain only the password, on one line"
        yield BadInput(what, "hub.database.password", remedy)
    if there and there.certificates and not target.on_disk(there.certificates).is_file():
        what = f"{there.certificates} is not there"
        yield BadInput(what, "hub.database.certificates", "put it there, or correct the path")
    if there and not all(map(shutil.which, server.PROGRAMS)):
        missing = server.missing_programs()
        yield BadInput(missing.what, missing.where, missing.remedy)
    yield from _servers_left_behind(target)


def _servers_left_behind(target: Target) -> Iterator[BadInput]:
    """Yield an error if site.yml names another database than at the last apply, while servers
    run."""
    before = applied(target.site, target.root)
    if _place(before) == _place(target.site) or target.root != MACHINE:
        return
    if count := sum(open_servers(before).values()):
        what = f"{count} servers run, and the hub would not find them with another database"
        remedy = (
            "end them first, on the hub's admin page; if the old database is lost: sudo make stop, "
            f"end the jobs, and move {target.site.ledger} away"
        )
        yield BadInput(what, "hub.database", remedy)


def _place(site: Site) -> object:
    """Return a value that identifies the hub's database."""
    there = postgresql(site)
    return there.place if there else site.hub.database
