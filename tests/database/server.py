"""A PostgreSQL server of Debian's package, in a temporary folder."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..ports import free_port

SETTINGS = (
    "-c listen_addresses=127.0.0.1 -c fsync=off -c port={port} -c unix_socket_directories={folder}"
)


class PostgreSql:
    """The server: its port at 127.0.0.1, and the folder of its socket."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self._bin = max(Path("/usr/lib/postgresql").glob("*/bin"))

    def run(self, program: str, *words: str) -> str:
        """Run a program of PostgreSQL as the server's administrator; return what it prints."""
        argv = [str(self._bin / program), *words]
        done = subprocess.run(
            argv, user="postgres", cwd="/", capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def control(self, verb: str) -> None:
        """Start or stop the server."""
        options = SETTINGS.format(port=self.port, folder=self.folder)
        log = str(self.folder / "log")
        more = ["-l", log, "-o", options] if verb != "stop" else ["-m", "fast"]
        argv = [
            str(self._bin / "pg_ctl"),
            "-w",
            "-t",
            "240",
            "-D",
            str(self.folder / "data"),
            *more,
            verb,
        ]
        # the server keeps the streams of pg_ctl open
        done = subprocess.run(
            argv, user="postgres", cwd="/", timeout=300,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        assert done.returncode == 0, Path(log).read_text()

    def sql(self, statement: str, database: str = "postgres") -> list[str]:
        """The rows of a statement, run by the administrator."""
        where = ("-h", str(self.folder), "-p", str(self.port), "-d", database)
        words = ("-XAtq", "-v", "ON_ERROR_STOP=1", "-c", statement)
        return self.run("psql", *where, *words).splitlines()

    def new_database(self, name: str, role: str) -> None:
        """Make an empty database, in place of one of this name."""
        self.sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        self.sql(f'CREATE DATABASE {name} OWNER "{role}"')


@contextmanager
def postgresql() -> Iterator[PostgreSql]:
    """A server that runs while the block does. Roles of the socket are Unix accounts, and those of
    127.0.0.1 have passwords."""
    with tempfile.TemporaryDirectory(prefix="sitekit-pg-", dir="/run") as name:
        folder = Path(name)
        folder.chmod(0o755)
        shutil.chown(folder, "postgres")
        server = PostgreSql(folder)
        auth = ("--auth-local=peer", "--auth-host=scram-sha-256", "--no-sync", "--no-instructions")
        server.run("initdb", *auth, "-E", "UTF8", "--locale=C", "-D", str(folder / "data"))
        server.control("start")
        try:
            yield server
        finally:
            server.control("stop")
