"""Find and delete users of the hub who are participants of a workshop.

A user's cookie is valid for two weeks, and a token for months. A later participant may get the same
user name. If users were not deleted, the former participant could then use the later participant's
account.
"""

from __future__ import annotations

import http.client
import pwd
import socket
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from ...base.errors import Problem, shown
from ...contracts.database_url import database_in_words
from ...contracts.internal_tls import client_context
from ...site import Site
from ..host.hub_database import hub_database
from ..host.platform import this_platform
from ..render.services_of_site import running_supervisor, site_services
from ..run.run_as_hub_account import run_hub_program

_ALL = "SELECT name FROM users"
_WITH_SERVERS = """
SELECT users.name FROM users JOIN spawners ON spawners.user_id = users.id
WHERE spawners.server_id IS NOT NULL"""
_PROGRAM = Path(__file__).with_name("inside") / "delete_hub_users.py"
_PATIENCE = 120
"""The time limit in seconds for the hub to stop a user's server and to delete the user."""


def known(site: Site, names: Collection[str]) -> list[str]:
    """Return the names in `names` that are users in the hub's database. Raises Problem."""
    return _found(site, _ALL, names)


def with_servers(site: Site, names: Collection[str]) -> list[str]:
    """Return the users in `names` whose server runs, starts or stops. Raises Problem."""
    return _found(site, _WITH_SERVERS, names)


def delete(site: Site, names: Collection[str]) -> None:
    """Delete the users `names` from the hub, with their cookies, tokens and servers. A name that is
    not a user of the hub is ignored.

    If the hub runs, this function uses the hub's API. If the hub does not run, this function
    deletes the users in the hub's database. Raises Problem.
    """
    if not (there := known(site, names)):
        return
    if hub_runs(site):
        with _token(site, there) as token:
            for name in there:
                _ask_hub(site, name, token)
    elif running := with_servers(site, there):
        what = f"the hub is stopped, and these users have servers: {', '.join(running[:10])}"
        raise Problem(what, database_in_words(site), "make start, and run this again")
    else:
        _program(site, "delete", there)
    if left := known(site, there):
        raise Problem(
            f"the hub still has the users {', '.join(left[:10])}", remedy="run this again"
        )


def _found(site: Site, query: str, names: Collection[str]) -> list[str]:
    """Run an SQL query on the hub's database for the names `names`; return the names that the query
    finds."""
    try:
        pwd.getpwnam(site.hub.user)
    except (
        KeyError
    ):  # the hub's account does not exist before the first apply and after an uninstall
        return []
    database = hub_database(site)
    found = set(database.rows(query)) if database.has_tables() else set()
    return [name for name in names if name in found]


def hub_runs(site: Site) -> bool:
    """Return whether the hub runs. Raises Problem if the hub is starting, or if its start fails."""
    services = site_services(site, this_platform())
    hub = next(service for service in services if service.name == site.service("hub"))
    state = running_supervisor(site).state(hub)
    if state.word not in ("running", "stopped"):
        what = f"the hub neither runs nor is stopped: {state.word}, {state.detail}"
        raise Problem(what, hub.name, "make start, or make stop; then run this again")
    if state.word == "stopped" and _is_open(site):
        what = f"the hub's port answers, but {site.supervisor} says that the hub is stopped"
        remedy = f"name the site file that was applied: SITE={site.etc}/site.yml"
        raise Problem(what, "supervisor", remedy)
    return state.word == "running"


def _is_open(site: Site) -> bool:
    """Return whether a program listens at the hub's port."""
    try:
        socket.create_connection((site.hub_listens_at, site.hub.port), timeout=5).close()
    except OSError:
        return False
    return True


@contextmanager
def _token(site: Site, names: list[str]) -> Iterator[str]:
    """Yield an API token of the hub that allows only the deletion of these users. The token is
    revoked after the `with` block."""
    try:
        yield str(_program(site, "token", names))
    finally:
        _program(site, "revoke", [])


def _program(site: Site, action: str, names: list[str]) -> Any:
    """Run the program inside/delete_hub_users.py with one of its actions, such as `delete`; return
    the JSON value that the program prints."""
    asked = {"action": action, "names": names}
    return run_hub_program(site, ["-c", _PROGRAM.read_text()], asked)


def _ask_hub(site: Site, name: str, token: str) -> None:
    """Delete a user through the hub's API. The hub first stops the user's server. Raises
    Problem."""
    host, port = site.hub_listens_at, site.hub.port
    connection: http.client.HTTPConnection
    try:
        if site.internal_tls:
            tls = client_context(site, "hub")
            connection = http.client.HTTPSConnection(host, port, timeout=_PATIENCE, context=tls)
        else:
            connection = http.client.HTTPConnection(host, port, timeout=_PATIENCE)
        with closing(connection) as hub:
            hub.request(
                "DELETE", f"/hub/api/users/{name}", headers={"Authorization": f"token {token}"}
            )
            answer = hub.getresponse()
            text = answer.read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as fault:
        raise Problem(f"the hub does not answer: {fault}", remedy="make status") from None
    if answer.status not in (204, 404):
        what = f"the hub did not delete the user {name}: {answer.status} {shown(text[:200])}"
        raise Problem(what, remedy="stop the user's server on the admin page; run this again")
