"""Check the section `login` of a site file: refuse keys that do not belong to the login method
(`pam`, `github` and others), and report missing keys."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..base.errors import Unfit, shown
from .login_provider import People

if TYPE_CHECKING:
    from .login import Login

OF_PAM = ("admin_groups", "passwords", "second_factor")
OF_PROVIDERS = ("provider", "allow", "admins", "accounts")
OF_FRONT = ("directives", "modules")
FITTING = {
    "username": ("globus", "cilogon", "oidc"),
    "groups": ("oidc",),
    "identity_providers": ("cilogon",),
}
"""The keys of `provider` that only some methods have."""
NAMING = {
    "organizations": ("github",),
    "domains": ("globus", "cilogon", "oidc", "front"),
    "groups": ("globus", "oidc"),
}
"""The keys of `allow` and `admins` that only some methods have."""
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def login_faults(login: Login) -> Iterator[Unfit]:
    """Yield an error for each key of `login` that does not belong to the login method, and for each
    missing key."""
    others: tuple[str, ...] = OF_PROVIDERS if login.method == "pam" else OF_PAM
    others += ("provider",) if login.method == "front" else OF_FRONT
    for key in others:
        if getattr(login, key) != type(login).model_fields[key].default:
            remedy = (
                "name a provider's method, such as `method: oidc`, or leave it out"
                if login.method == "pam"
                else "leave it out; login.admins names administrators"
                if key == "admin_groups"
                else "leave it out; the provider checks who somebody is"
            )
            yield Unfit(f"this does not belong to `method: {login.method}`", remedy, key)
    if login.method == "pam":
        return
    yield from _front_faults(login) if login.method == "front" else _provider_faults(login)
    for name, people in (("allow", login.allow), ("admins", login.admins)):
        yield from _people_faults(login.method, name, people)
    # at the front, members of allowed_groups may log in
    if not login.allow.anybody and (login.method != "front" or login.gateway):
        yield Unfit(
            "nobody may log in",
            f"name somebody, such as `allow: {{{_such(login.method)}}}`",
            "allow",
        )
    yield from _strangers(login)
    yield from _claim_faults(login)


def _claim_faults(login: Login) -> Iterator[Unfit]:
    """Yield an error if no claim of the method can be trusted to name an account."""
    why = {
        "github": "users of GitHub write their claims themselves, and could name the account of somebody else",
        "front": "the front names the user, and has no other claims",
    }
    if login.account_claim and login.method in why:
        remedy = "write `same`, or one of gateway, file and command"
        yield Unfit(why[login.method], remedy, "accounts", "claim")


def _front_faults(login: Login) -> Iterator[Unfit]:
    """Yield an error if nothing says how the front identifies users."""
    if login.directives is None:
        what = "nothing says how the web server finds out who a user is"
        remedy = "add a file with Apache's directives, like `directives: /etc/apache2/jupyter-login.conf`"
        yield Unfit(what, remedy, "directives")


def _provider_faults(login: Login) -> Iterator[Unfit]:
    """Yield an error for each key of `provider` that does not belong to the login method, and for
    each missing key."""
    method, provider = login.method, login.provider
    if provider is None:
        needs = "provider: {client_id: jupyter, client_secret: /etc/ssl/private/jupyter-login}"
        yield Unfit(
            "nothing says which client this site is at the provider", f"add `{needs}`", "provider"
        )
        return
    for key, methods in FITTING.items():
        if method not in methods:
            yield from _unless_default(method, methods, provider, "provider", key)
    if method == "oidc" and provider.url is None:
        what = "nothing says which provider to ask"
        yield Unfit(what, "add its issuer, like `url: https://login.example.org`", "provider")
    if method == "github" and provider.url and not re.fullmatch(r"https://[^/]+/?", provider.url):
        yield Unfit(
            f"{shown(provider.url)} is not the address of a GitHub",
            "write it without a path, like https://github.example.org",
            *("provider", "url"),
        )
    if method == "cilogon" and not provider.identity_providers:
        yield Unfit(
            "thousands of organizations use CILogon, and the key with the trusted ones is missing",
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
    """Yield an error for a key that only other methods use, unless the key has its default
    value."""
    default = type(section).model_fields[key].default  # type: ignore[attr-defined]
    if getattr(section, key) != default:
        what = f"`method: {method}` has no {key}"
        yield Unfit(what, f"leave it out; it is for {' and '.join(methods)}", name, key)


def _strangers(login: Login) -> Iterator[Unfit]:
    """Yield an error for each administrator who certainly may not log in."""
    allow = login.allow
    if allow.organizations or allow.groups or not allow.users:
        return
    for place, user in enumerate(login.admins.users):
        if user not in allow.users:
            what = f"{user} is an administrator, and may not log in"
            yield Unfit(what, f"add {user} to login.allow.users", "admins", "users", place)


def _such(method: str) -> str:
    """Return an example for `allow`, with which an error message shows how to name users."""
    return {
        "github": "organizations: [example]",
        "globus": "domains: [uni.example.org]",
        "cilogon": "domains: [uni.example.org]",
    }.get(method, "groups: [jupyter-users]")
