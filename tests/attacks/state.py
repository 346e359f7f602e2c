"""What an attack must leave as it was: routes, jobs, servers, ledger, people, rights. Read as root,
in copies."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from sitekit.contracts.internal_tls import client_context, proxy_api_url
from sitekit.site import Site

from ..slurm import ask, until

ANY = httpx.create_ssl_context(verify=False)


HUB = {
    "servers": "SELECT users.name, spawners.name, spawners.user_options, spawners.state, servers.ip, servers.port "
    "FROM spawners JOIN users ON users.id = spawners.user_id LEFT JOIN servers ON servers.id = spawners.server_id "
    "WHERE spawners.name != '' OR length(spawners.user_options) > 4 OR length(spawners.state) > 4",
    "users": "SELECT name, admin FROM users",
    "groups": "SELECT groups.name, users.name FROM groups LEFT JOIN user_group_map ON groups.id = group_id "
    "LEFT JOIN users ON users.id = user_id",
    "services": "SELECT name, admin FROM services",
    "roles": "SELECT users.name, roles.name FROM user_role_map JOIN users ON users.id = user_id "
    "JOIN roles ON roles.id = role_id",
    "tokens": "SELECT hashed, scopes FROM api_tokens WHERE note NOT LIKE '%OAuth%' AND session_id IS NULL",
    "shares": "SELECT id FROM shares UNION ALL SELECT id FROM share_codes",
}
LEDGER = {
    "ledger": "SELECT tag, user, name, choice, job, port FROM starts",
    "over": "SELECT token FROM starts WHERE ended IS NOT NULL",
}


def look(site: Site) -> dict[str, Any]:
    """The state of the hub as it can be seen from outside of it. What changes by itself is left
    out: times, and jobs that are ending already."""
    with (
        copy_of(site.paths.state / "jupyterhub.sqlite") as hub,
        copy_of(site.ledger) as ledger,
    ):
        found = {part: answer(hub, query) for part, query in HUB.items()}
        found |= {part: answer(ledger, query) for part, query in LEDGER.items()}
    over = found.pop("over")  # the reconciler revokes these tokens in its own time
    return {
        **found,
        "tokens": [token for token in found["tokens"] if token[:1] not in over],
        "routes": routes(site, by_the_hub=False),
        # sorted, because squeue's order changes with the priority of a job that waits
        "jobs": sorted(
            ask(
                site, "squeue", "--noheader", "--states=PD,R,CF,S", "--format=%i %u %j %k"
            ).splitlines()
        ),
    }


@contextmanager
def nothing_changes(site: Site) -> Iterator[None]:
    """The block leaves the hub's state as it found it."""
    before = look(site)
    yield
    after = look(site)
    # a refusal makes the hub forget what the form remembered of a server that is not started;
    # nothing may be added
    before["servers"] = [
        row for row in before["servers"] if row in after["servers"] or row[-1] is not None
    ]
    for part in before:
        assert after[part] == before[part], (
            f"the attack changed the {part}: {before[part]} -> {after[part]}"
        )


def routes(site: Site, by_the_hub: bool = True) -> dict[str, str]:
    """The proxy's table: path -> target. Without `by_the_hub`, the routes are left out by which the
    hub answers for stopped servers, which it adds and deletes in its own time."""
    headers = {"Authorization": f"token {proxy_secret(site)}"}
    told = httpx.get(
        proxy_api(site), headers=headers, verify=client_context(site, "hub"), timeout=90
    )
    return {
        path: route["target"]
        for path, route in sorted(told.json().items())
        if by_the_hub or "sitekit_stand_in" not in route
    }


def proxy_api(site: Site) -> str:
    return f"{proxy_api_url(site)}/api/routes"


def proxy_secret(site: Site) -> str:
    """What the hub and the proxy share, as only root and the proxy can read it."""
    lines = (site.etc / "proxy.env").read_text().splitlines()
    return next(
        line.split("=", 1)[1].strip("'\"")
        for line in lines
        if line.startswith("CONFIGPROXY_AUTH_TOKEN=")
    )


@contextmanager
def copy_of(database: Path) -> Iterator[sqlite3.Connection]:
    """A copy of an SQLite database: the live one is not disturbed."""
    with tempfile.TemporaryDirectory() as folder:
        until(lambda: copied(database, Path(folder)), every=0.02)
        connection = sqlite3.connect(Path(folder) / database.name)
        try:
            yield connection
        finally:
            connection.close()


def copied(database: Path, folder: Path) -> bool:
    """Copy the files of an SQLite database. False if one of them changed meanwhile: the copies may
    then be of different times."""
    parts = [database.with_name(database.name + end) for end in ("", "-wal", "-journal")]
    before = list(map(written, parts))
    for part in parts:
        (folder / part.name).unlink(missing_ok=True)
        with suppress(FileNotFoundError):
            shutil.copy(part, folder)
    return before == list(map(written, parts))


def written(file: Path) -> tuple[int, int, int] | None:
    """What changes when a file is written or replaced; None without the file."""
    with suppress(FileNotFoundError):
        found = file.stat()
        return found.st_ino, found.st_size, found.st_mtime_ns
    return None


def answer(database: sqlite3.Connection, query: str, *values: object) -> list[tuple[Any, ...]]:
    return sorted(database.execute(query, values).fetchall(), key=repr)


def rows(database: Path, query: str, *values: object) -> list[tuple[Any, ...]]:
    """The sorted answer of a copy of a database."""
    with copy_of(database) as connection:
        return answer(connection, query, *values)


def ledger_row(site: Site, job: str | int) -> dict[str, Any]:
    """The ledger's row of a job."""
    columns = ("tag", "user", "name", "port", "listening", "ended")
    query = f"SELECT {', '.join(columns)} FROM starts WHERE job = ?"  # noqa: S608  (our own words)
    [row] = rows(site.ledger, query, str(job))
    return dict(zip(columns, row, strict=True))
