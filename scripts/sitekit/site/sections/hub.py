"""Define the section `hub` of site.yml, with the hub's database: SQLite, or a database of a
PostgreSQL server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag, TypeAdapter, model_validator

from ...base.errors import Unfit, shown
from ..types.address_types import Address, is_host
from ..types.value_types import AbsolutePath, Port, ServiceAccount, spelled
from .tier import Row

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_FOLDER: TypeAdapter[Path] = TypeAdapter(AbsolutePath)


def _server(host: str) -> str:
    """Accept only the address of a PostgreSQL server, or the folder with its socket."""
    if host.startswith("/"):
        return str(_FOLDER.validate_python(Path(host)))
    if not is_host(host):
        raise Unfit(
            f"{shown(host)} is not a PostgreSQL server",
            "write a host name or an IP address, or the folder of the server's socket, like /run/postgresql",
        )
    return host


Server = Annotated[str, AfterValidator(_server)]
Name = Annotated[
    str,
    spelled(
        r"[A-Za-z_][A-Za-z0-9_-]{0,62}",
        "is not the name of a database or of its role",
        "use at most 63 of a-z, A-Z, 0-9, '_' and '-', a letter first",
    ),
]


class PostgreSql(Row):
    """Declare the keys of `database` for a database on a PostgreSQL server.

    If `user` is None, PostgreSQL's role has the name of the hub's Unix account. If `password` is
    None, the server must accept the hub's Unix account without a password (peer authentication). A
    server on another host proves its identity with a certificate. An authority in the file
    `certificates` must have signed this certificate.
    """

    host: Annotated[Server, Field(examples=["db.example.org"])]
    port: Port = 5432
    name: Name = "jupyterhub"
    user: Name | None = None
    password: Annotated[
        AbsolutePath | None, Field(examples=["/etc/ssl/private/jupyterhub-database"])
    ] = None
    certificates: Annotated[
        AbsolutePath | None, Field(examples=["/etc/ssl/certs/ca-certificates.crt"])
    ] = None

    @model_validator(mode="after")
    def _is_known(self) -> PostgreSql:
        """Refuse a server on another host if the hub could not check the server's identity. Refuse
        the key `certificates` for a Unix socket."""
        if not self.local and self.certificates is None:
            raise Unfit(
                f"the hub could not check that it connects to {self.host}",
                "name the file with the authority that signed the server's certificate, such as "
                "certificates: /etc/ssl/certs/ca-certificates.crt",
            )
        if self.socket and self.certificates:
            raise Unfit("a Unix socket has no certificate", "remove the key", "certificates")
        return self

    @property
    def socket(self) -> bool:
        """Return whether the hub connects to a Unix socket."""
        return self.host.startswith("/")

    @property
    def local(self) -> bool:
        """Return whether the server is on the hub's own host."""
        return self.socket or self.host in _LOOPBACK

    @property
    def place(self) -> tuple[str, int, str]:
        """Return the values that identify the database: server, port and name."""
        return "localhost" if self.host in _LOOPBACK else self.host, self.port, self.name


def _arm(value: object) -> str:
    """Return which form of the key `database` the site file uses. With this result, an error
    message describes only this form.
    """
    return "postgresql" if isinstance(value, (dict, PostgreSql)) else "word"


class Hub(Row):
    """Declare the keys of the section `hub`. `address` is the address at which compute nodes reach
    the hub.
    """

    user: ServiceAccount = "jupyterhub-daemon"
    address: Address = "127.0.0.1"
    port: Port = 8081
    database: Annotated[
        Annotated[Literal["sqlite"], Tag("word")] | Annotated[PostgreSql, Tag("postgresql")],
        Discriminator(_arm),
    ] = "sqlite"
