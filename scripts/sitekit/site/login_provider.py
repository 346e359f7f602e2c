"""Define the keys for logins at a provider: the client, who may log in, and the accounts of the
users.

The providers are GitHub, Globus, CILogon, and any provider of OpenID Connect.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from ..base.errors import Unfit
from .address_types import Url
from .tier import Row
from .value_types import AbsolutePath, ClientId, ServiceAccount, spelled

Claim = Annotated[
    str,
    spelled(
        r"[A-Za-z0-9_.:/-]{1,100}",
        "cannot be the name of a claim",
        "write the name that the provider documents, like preferred_username",
    ),
]
Domain = Annotated[
    str,
    spelled(
        r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+",
        "is no domain of user names",
        "write what follows '@', in lower case, like uni.example.org",
    ),
]
GroupOfProvider = Annotated[
    str,
    spelled(
        r"[!-~\u00a1-\ud7ff\ue000-\uffff]([ -~\u00a1-\ud7ff\ue000-\uffff]{0,198}\S)?",
        "cannot be a group at the provider",
        "write the name or the number of one group, as the provider spells it",
    ),
]
IdentityProvider = Annotated[
    str,
    spelled(
        r"(urn:|https?://)[!#-&(-~]{1,300}",
        "is no identity provider of CILogon",
        "write an EntityID of https://cilogon.org/idplist, like https://idp.example.org/shibboleth",
    ),
]
Organization = Annotated[
    str,
    spelled(
        r"[A-Za-z0-9][A-Za-z0-9-]{0,38}(:[A-Za-z0-9._-]{1,100})?",
        "is no organization of GitHub's",
        "write the organization's name in its address, or organization:team",
    ),
]
# The hub writes names in lower case. The gate has the same limits (scripts/gate, USER).
UserName = Annotated[
    str,
    spelled(
        r"[!-.0-@\[-~\u00a1-\ud7ff\ue000-\uffff]{1,64}",
        "cannot be the name of a user",
        "write the user's name as the hub shows it: in lower case, without spaces and '/'",
    ),
]


class Provider(Row):
    """Define the client of this site at the provider, and which claims the hub reads.

    If `url` is None, the provider's public service is used. If `username` is None, the method's
    usual claim is used.
    """

    client_id: Annotated[ClientId, Field(examples=["jupyter"])]
    client_secret: Annotated[AbsolutePath, Field(examples=["/etc/ssl/private/jupyter-login"])]
    url: Annotated[Url | None, Field(examples=["https://login.example.org/realms/main"])] = None
    username: Claim | None = None
    groups: Claim = "groups"
    identity_providers: Annotated[
        tuple[IdentityProvider, ...], Field(examples=[["https://idp.example.org/shibboleth"]])
    ] = ()


class People(Row):
    """Name users by user name, organization, domain or group.

    By default, nobody is named. A user is included if `users`, `organizations` or `groups` names
    the user. If `domains` is set, users of other domains are never included. If only `domains` is
    set, all users of these domains are included.
    """

    users: Annotated[tuple[UserName, ...], Field(examples=[["alice"]])] = ()
    organizations: tuple[Organization, ...] = ()
    domains: tuple[Domain, ...] = ()
    groups: tuple[GroupOfProvider, ...] = ()

    @property
    def anybody(self) -> bool:
        """Return whether at least one key is set, so that somebody is named."""
        return bool(self.users or self.organizations or self.domains or self.groups)


class Accounts(Row):
    """Define under which account a user's servers run: one account for all users, or the account
    from a file, a program, or a claim of the provider."""

    gateway: Annotated[ServiceAccount | None, Field(examples=["gateway"])] = None
    file: AbsolutePath | None = None
    command: AbsolutePath | None = None
    claim: Annotated[Claim | None, Field(examples=["uid"])] = None

    @model_validator(mode="after")
    def _one_way(self) -> Accounts:
        """Refuse the section unless exactly one of the keys is set."""
        ways = (self.gateway, self.file, self.command, self.claim)
        if len([way for way in ways if way]) != 1:
            raise Unfit(
                "exactly one of the keys is needed",
                "write `same`, or one of gateway, file, command and claim",
            )
        return self
