"""Define the section `login` of site.yml: which users are allowed to log in, by which method, and
for how long.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from ...base.errors import Unfit, Unfits
from ..types.memory_and_time import parse_time
from ..types.value_types import AbsolutePath, Account, ApacheModule
from .login_checks import login_faults
from .login_provider import Accounts, People, Provider
from .tier import Row, Time, TimeOrNever

CLAIMS = {"github": "login", "globus": "preferred_username", "cilogon": "eppn"}
"""Maps a login method to the claim (a field in the provider's answer) with the user's name. All
other methods use the claim preferred_username."""
URLS = {
    "github": "https://github.com",
    "globus": "https://auth.globus.org",
    "cilogon": "https://cilogon.org",
}
"""Maps a login method to the URL of the provider's public service. The method `oidc` has no public
service."""


def _arm(value: object) -> str:
    """Return which form of the key `accounts` the site file uses. With this result, an error
    message describes only this form.
    """
    return "ways" if isinstance(value, (dict, Accounts)) else "word"


class Login(Row):
    """Declare the keys of the section `login`: who is allowed to log in, and how. By default,
    nobody is allowed to log in.

    `session` and `tokens` are the lifetimes of logins and API tokens in seconds; None means without
    limit. `allowed_groups` are Unix groups. With the method `pam`, the members of `allowed_groups`
    are allowed to log in. With a provider, a user's Unix account must be a member of
    `allowed_groups`. `deny_ssh` are groups whose members cannot log in to this machine by SSH.
    """

    method: Literal["pam", "github", "globus", "cilogon", "oidc", "front"] = "pam"
    allowed_groups: Annotated[tuple[Account, ...], Field(examples=[["jupyter-users"]])] = ()
    admin_groups: tuple[Account, ...] = ()
    directives: Annotated[
        AbsolutePath | None, Field(examples=["/etc/apache2/jupyter-login.conf"])
    ] = None
    modules: Annotated[tuple[ApacheModule, ...], Field(examples=[["shib"]])] = ()
    deny_ssh: tuple[Account, ...] = ()
    provider: Provider | None = None
    allow: People = People()
    admins: People = People()
    accounts: Annotated[
        Annotated[Literal["same"], Tag("word")] | Annotated[Accounts, Tag("ways")],
        Discriminator(_arm),
    ] = "same"
    admin_access: bool = False
    passwords: Literal["shadow", "sssd"] = "shadow"
    second_factor: Literal["none", "totp"] = "none"
    session: Time = parse_time("14d")
    tokens: TimeOrNever = parse_time("90d")

    @model_validator(mode="after")
    def _agrees(self) -> Login:
        """Refuse keys that do not belong to the login method, and settings with which nobody could
        log in."""
        if faults := [*self._group_faults(), *login_faults(self)]:
            raise Unfits(faults)
        return self

    @property
    def gateway(self) -> str | None:
        """Return the account under which all servers run, if the site has one account for all
        users."""
        return self.accounts.gateway if isinstance(self.accounts, Accounts) else None

    @property
    def account_claim(self) -> str | None:
        """Return the name of the claim that contains the Unix account of a user's servers; None if
        the site uses no such claim."""
        return self.accounts.claim if isinstance(self.accounts, Accounts) else None

    @property
    def claim(self) -> str:
        """Return the name of the claim (a field in the provider's answer) that contains the user's
        name."""
        chosen = self.provider and self.provider.username
        return chosen or CLAIMS.get(self.method, "preferred_username")

    @property
    def url(self) -> str:
        """Return the provider's URL, without a slash at its end."""
        chosen = self.provider and self.provider.url
        return (chosen or URLS.get(self.method, "")).rstrip("/")

    def _group_faults(self) -> Iterator[Unfit]:
        """Yield an error if `allowed_groups` is missing, or is set but has no effect."""
        if self.method != "pam" and self.gateway and self.allowed_groups:
            yield Unfit(
                "all servers run under one account, and therefore groups have no effect",
                "leave it out; login.allow sets who may log in",
                "allowed_groups",
            )
        if not self.gateway and not self.allowed_groups:
            given, such = "allowed_groups" in self.model_fields_set, "[jupyter-users]"
            yield Unfit(
                "the list is empty" if given else "this key is missing",
                f"write it like `allowed_groups: {such}`"
                if given
                else f"add it, such as `allowed_groups: {such}`",
                "allowed_groups",
            )
