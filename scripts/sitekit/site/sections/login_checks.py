"""Check the section `login` of site.yml: report keys that do not belong to the login method (`pam`,
`github` and others), and missing keys."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from ...base.errors import Unfit, shown
from .login_provider import People, Provider

OF_PAM = ("admin_groups", "passwords", "second_factor")
OF_PROVIDERS = ("provider", "allow", "admins", "accounts")
OF_FRONT = ("directives", "modules")
FITTING = {
    "username": ("globus", "cilogon", "oidc"),
    "groups": ("oidc",),
    "identity_providers": ("cilogon",),
}
"""Maps a key of `login.provider` to the login methods for which site.yml can contain this key."""
NAMING = {
    "organizations": ("github",),
    "domains": ("globus", "cilogon", "oidc", "front"),
    "groups": ("globus", "oidc"),
}
"""Maps a key of `login.allow` and `login.admins` to the login methods for which site.yml can
contain this key.
"""
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Login(Protocol):
    """Name the keys of the section `login` that the checks of this file read. This file cannot
    import the class Login of login.py, because login.py imports this file.
    """

    @property
    def method(self) -> str: ...
    @property
    def provider(self) -> Provider | None: ...
    @property
    def allow(self) -> People: ...
    @property
    def admins(self) -> People: ...
    @property
    def directives(self) -> Path | None: ...
    @property
    def gateway(self) -> str | None: ...
    @property
    def account_claim(self) -> str | None: ...


def login_faults(login: Login) -> Iterator[Unfit]:
    """Yield an error for each key of `login` that does not belong to the login method, and for each
    missing key."""
    others: tuple[str, ...] = OF_PROVIDERS if login.method == "pam" else OF_PAM
    others += ("provider",) if login.method == "front" else OF_FRONT
    for key in others:
        if getattr(login, key) != _default(login, key):
            remedy = (
                "name a provider's method, such as `method: oidc`, or leave it out"
                if login.method == "pam"
                else "leave it out; login.admins names administrators"
                if key == "admin_groups"
                else "leave it out; the provider checks the users' identity"
            )
            yield Unfit(f"this does not belong to `method: {login.method}`", remedy, key)
    if login.method == "pam":
        return
    yield from _front_faults(login) if login.method == "front" else _provider_faults(login)
    for name, people in (("allow", login.allow), ("admins", login.admins)):
        yield from _people_faults(login.method, name, people)
    # with the method `front`, members of allowed_groups are allowed to log in
    if not login.allow.anybody and (login.method != "front" or login.gateway):
        yield Unfit(
            "nobody may log in",
            f"name users, such as `allow: {{{_such(login.method)}}}`",
            "allow",
        )
    yield from _strangers(login)
    yield from _claim_faults(login)


def _claim_faults(login: Login) -> Iterator[Unfit]:
    """Yield an error if a claim gives the user's Unix account, but users could change this claim,
    or the login method has no claims.
    """
    why = {
        "github": "users of GitHub write their claims themselves, and could name another user's account",
        "front": "the web server sends the user's name only, and no claims",
    }
    if login.account_claim and login.method in why:
        remedy = "write `same`, or one of gateway, file and command"
        yield Unfit(why[login.method], remedy, "accounts", "claim")


def _front_faults(login: Login) -> Iterator[Unfit]:
    """Yield an error if the file with the web server's login directives is missing."""
    if login.directives is None:
        what = "the directives with which the web server identifies users are missing"
        remedy = "add a file with Apache's directives, like `directives: /etc/apache2/jupyter-login.conf`"
        yield Unfit(what, remedy, "directives")


def _provider_faults(login: Login) -> Iterator[Unfit]:
    """Yield an error for each key of `provider` that does not belong to the login method, and for
    each missing key."""
    method, provider = login.method, login.provider
    if provider is None:
        needs = "provider: {client_id: jupyter, client_secret: /etc/ssl/private/jupyter-login}"
        yield Unfit(
            "the client that is registered at the provider is missing", f"add `{needs}`", "provider"
        )
        return
    for key, methods in FITTING.items():
        if method not in methods:
            yield from _unless_default(method, methods, provider, "provider", key)
    if method == "oidc" and provider.url is None:
        what = "no provider is named"
        yield Unfit(what, "add its issuer, like `url: https://login.example.org`", "provider")
    if method == "github" and provider.url and not re.fullmatch(r"https://[^/]+/?", provider.url):
        yield Unfit(
            f"{shown(provider.url)} is not the address of a GitHub server",
            "write it without a path, like https://github.example.org",
            *("provider", "url"),
        )
    if method == "cilogon" and not provider.identity_providers:
        yield Unfit(
            "thousands of organizations use CILogon, and the key with the organizations that you trust is missing",
            "add `identity_providers: [https://idp.example.org/shibboleth]`",
            "provider",
        )


def _people_faults(method: str, name: str, people: People) -> Iterator[Unfit]:
    """Yield an error for each key of `allow` or `admins` that does not belong to the login
    method."""
    for key, methods in NAMING.items():
        if method not in methods:
            yield from _unless_default(method, methods, people, name, key)
    if method == "globus":
        for place, group in enumerate(people.groups):
            if not _UUID.fullmatch(group):
                what = f"{shown(group)} is not the UUID of a Globus group"
                remedy = "copy it from the group's page, in lower case"
                yield Unfit(what, remedy, name, "groups", place)


def _unless_default(
    method: str, methods: tuple[str, ...], section: object, name: str, key: str
) -> Iterator[Unfit]:
    """Yield an error if a key that only other login methods use differs from its default value."""
    if getattr(section, key) != _default(section, key):
        what = f"`method: {method}` has no {key}"
        yield Unfit(what, f"leave it out; it is for {' and '.join(methods)}", name, key)


def _default(section: object, key: str) -> object:
    """Return the default value of a key, from the section's pydantic model."""
    return type(section).model_fields[key].default  # type: ignore[attr-defined]


def _strangers(login: Login) -> Iterator[Unfit]:
    """Yield an error for each user of `login.admins` whom `login.allow` does not allow to log
    in."""
    allow = login.allow
    if allow.organizations or allow.groups or not allow.users:
        return
    for place, user in enumerate(login.admins.users):
        if user not in allow.users:
            what = f"{user} is an administrator, but may not log in"
            yield Unfit(what, f"add {user} to login.allow.users", "admins", "users", place)


def _such(method: str) -> str:
    """Return an example of the key `allow` for an error message."""
    return {
        "github": "organizations: [example]",
        "globus": "domains: [uni.example.org]",
        "cilogon": "domains: [uni.example.org]",
    }.get(method, "groups: [jupyter-users]")
