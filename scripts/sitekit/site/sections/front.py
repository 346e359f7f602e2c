"""Define the section `front` of site.yml: the web server that users connect to, its certificate,
and an additional login for clients outside of the site's networks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Discriminator, Field, Tag, model_validator

from ...base.errors import Unfit, Unfits
from ..types.address_types import Email, HttpsUrl, Network, Url, is_ip
from ..types.value_types import AbsolutePath, ClientId
from .tier import Row


class Certificate(Row):
    """Declare the keys of `certificate` for a site with its own TLS certificate: the paths of the
    certificate and its key.
    """

    certificate: Annotated[AbsolutePath, Field(examples=["/etc/ssl/certs/jupyter.pem"])]
    key: Annotated[AbsolutePath, Field(examples=["/etc/ssl/private/jupyter.key"])]


class Acme(Row):
    """Declare the keys of `acme`: the ACME server for `certificate: acme`, and the e-mail address
    that this server gets as the site's contact.
    """

    directory: Url = "https://acme-v02.api.letsencrypt.org/directory"
    contact: Annotated[Email | None, Field(examples=["hpc-admins@example.org"])] = None


class OpenId(Row):
    """Declare the keys of `openid`: the OpenID Connect provider, and the client that the site has
    registered there.
    """

    provider: Annotated[
        Url, Field(examples=["https://login.example.org/.well-known/openid-configuration"])
    ]
    client_id: Annotated[ClientId, Field(examples=["jupyter"])]
    client_secret: Annotated[
        AbsolutePath, Field(examples=["/etc/ssl/private/jupyter-openid-secret"])
    ]


class Outside(Row):
    """Declare the keys of `outside`. Clients outside the networks `inside` need an additional login
    before they see the login page.
    """

    inside: Annotated[tuple[Network, ...], Field(min_length=1, examples=[["130.233.0.0/16"]])]
    method: Annotated[Literal["shibboleth", "openid"], Field(examples=["shibboleth"])]
    openid: OpenId | None = None

    @model_validator(mode="after")
    def _knows_its_provider(self) -> Outside:
        """Refuse the method `openid` if no provider is set."""
        if self.method == "openid" and self.openid is None:
            raise Unfit(
                "no provider is named",
                "write in 'openid': provider, client_id, client_secret",
            )
        return self


def _arm(value: object) -> str:
    """Return which form of the key `certificate` the site file uses. With this result, an error
    message describes only this form.
    """
    return "files" if isinstance(value, (dict, Certificate)) else "word"


class Front(Row):
    """Declare the keys of the section `front`: the web server to which users connect with TLS."""

    url: Annotated[HttpsUrl, Field(examples=["https://jupyter.example.org"])]
    server: Literal["apache", "nginx"] = "apache"
    instance: Literal["system", "own"] = "system"
    certificate: Annotated[
        Annotated[Literal["self-signed", "acme"], Tag("word")]
        | Annotated[Certificate, Tag("files")],
        Discriminator(_arm),
    ] = "self-signed"
    acme: Acme = Acme()
    subdomains: bool = False
    outside: Outside | None = None
    maintenance_allow: tuple[Network, ...] = ()

    @model_validator(mode="after")
    def _agrees(self) -> Front:
        """Refuse settings of the section `front` that contradict each other."""
        if faults := [*self._acme_faults(), *self._subdomain_faults(), *self._outside_faults()]:
            raise Unfits(faults)
        return self

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or 443

    def _acme_faults(self) -> Iterator[Unfit]:
        """Yield an error for each setting that contradicts `certificate: acme`."""
        if self.certificate != "acme":
            return
        if self.acme.contact is None:
            yield Unfit(
                "ACME needs an e-mail address",
                "add `contact: hpc-admins@example.org`",
                "acme",
                "contact",
            )
        if self.port != 443:
            yield Unfit(
                f"an ACME server connects to ports 80 and 443, not to {self.port}",
                "leave the port out",
                "url",
            )
        if is_ip(self.host):
            yield Unfit(
                "ACME gives certificates for host names, and this is an IP address",
                "write the host's name",
                "url",
            )
        if self.subdomains:
            what = "a wildcard certificate needs DNS records that sitekit cannot write"
            yield Unfit(
                what, "get a wildcard certificate yourself, and name its two files", "certificate"
            )

    def _subdomain_faults(self) -> Iterator[Unfit]:
        """Yield an error for each setting that contradicts `subdomains`."""
        if self.subdomains and is_ip(self.host):
            yield Unfit(
                f"{self.host} is an IP address, and cannot have subdomains",
                "write the host's name",
                "url",
            )
        if self.subdomains and self.outside and self.outside.method == "shibboleth":
            what = "a Shibboleth session is for one host name, but with subdomains each user's server has its own"
            yield Unfit(what, "use openid, or leave subdomains out", "outside", "method")

    def _outside_faults(self) -> Iterator[Unfit]:
        """Yield an error for each setting that cannot be used together with the key `outside`."""
        if self.outside and self.server == "nginx":
            what = "nginx has no module for Shibboleth or OpenID Connect in the distributions"
            yield Unfit(what, "take apache, or leave out 'outside'", "server")
