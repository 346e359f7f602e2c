"""Define the keys of site.yml for logins at an identity provider: the client, who is allowed to log
in, and the users' Unix accounts.

A provider is GitHub, Globus, CILogon, or any OpenID Connect provider.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from ...base.errors import Unfit
from ..types.address_types import Url
from ..types.value_types import AbsolutePath, ClientId, ServiceAccount, spelled
from .tier import Row

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
        "is not the domain of user names",
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
        "is not an identity provider of CILogon",
        "write an EntityID of https://cilogon.org/idplist, like https://idp.example.org/shibboleth",
    ),
]
Organization = Annotated[
    str,
    spelled(
        r"[A-Za-z0-9][A-Za-z0-9-]{0,38}(:[A-Za-z0-9._-]{1,100})?",
        "is not a GitHub organization",
        "write the organization's name in its address, or organization:team",
    ),
]
# The hub converts user names to lower case. The gate accepts the same user names (scripts/gate,
# USER).
UserName = Annotated[
    str,
    spelled(
        r"[!-.0-@\[-~\u00a1-\ud7ff\ue000-\uffff]{1,64}",
        "cannot be the name of a user",
        "write the user's name as the hub shows it: in lower case, without spaces and '/'",
    ),
]


class Provider(Row):
    """Declare the keys of `provider`: the client that the site has registered at the login
    provider, and the claims that the hub reads.

    If `url` is None, the hub uses the provider's public service. If `username` is None, the hub
    takes the user's name from the usual claim of the login method.
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
    """Declare the keys of `allow` and `admins`, which describe a set of users by user name,
    organization, domain or group.

    By default, the set of users is empty. A user is included if `users`, `organizations` or
    `groups` names the user. If `domains` is set, users of other domains are never included. If only
    `domains` is set, all users of these domains are included.
    """

    users: Annotated[tuple[UserName, ...], Field(examples=[["alice"]])] = ()
    organizations: tuple[Organization, ...] = ()
    domains: tuple[Domain, ...] = ()
    groups: tuple[GroupOfProvider, ...] = ()

    @property
    def anybody(self) -> bool:
        """Return whether at least one key is set, that is, whether the set of users is not
        empty."""
        return bool(self.users or self.organizations or self.domains or self.groups)


class Accounts(Row):
    """Declare the keys of `accounts`: under which Unix account a user's servers run. All users
    share one account, or a file, a program or a claim of the provider gives each user's account.
    """

    gateway: Annotated[ServiceAccount | None, Field(examples=["gateway"])] = None
    file: AbsolutePath | None = None
    command: AbsolutePath | None = None
    claim: Annotated[Claim | None, Field(examples=["uid"])] = None

    @model_validator(mode="after")
    def _one_way(self) -> Accounts:
        """Require that exactly one key of the section `accounts` is set."""
        ways = (self.gateway, self.file, self.command, self.claim)
        if len([way for way in ways if way]) != 1:
            raise Unfit(
                "exactly one of the keys is needed",
                "write `same`, or one of gateway, file, command and claim",
            )
        return self
