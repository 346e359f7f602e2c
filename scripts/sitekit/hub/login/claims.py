"""Decide from a provider's claims who a user is, and whether the user may log in.

A claim is a field with data about a user, in the provider's answer. Claims are not trusted: if a
claim is missing or has an unexpected form, the hub refuses the login and shows the user the reason.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ...base.errors import shown
from ...base.language import gettext as _
from ...base.language import later as N_
from ...site.sections.login import Login
from ...site.sections.login_provider import People

# scripts/gate accepts the same names, and also names with '/'.
_NAME = re.compile(r"[!-.0-~\u00a1-\ud7ff\ue000-\uffff]{1,64}")
TITLES = {
    "github": "GitHub",
    "globus": "Globus",
    "cilogon": "CILogon",
    "front": N_("the login of your organization"),
}


class Refusal(Exception):
    """Report that a login is refused. The exception's text is shown to the user, and contains the
    reason and the remedy. `user` is the user's name at the hub, if the provider has confirmed this
    name.
    """

    def __init__(self, text: str, user: str = "") -> None:
        super().__init__(text)
        self.user = user


@dataclass(frozen=True)
class Claims:
    """The data about a user who logs in: the name at the hub, and the provider's claims.

    `account` is the value of the claim that `login.accounts` names. `account` is "" if the site
    names no claim, or if the provider's answer does not contain this claim as one text.
    """

    name: str
    domain: str = ""
    account: str = ""
    organizations: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()


def service_of(login: Login) -> str:
    """Return the name of the provider, as messages show it."""
    title = TITLES.get(login.method)
    return _(title) if title else login.url.removeprefix("https://")


def identity_of(login: Login, told: Any) -> tuple[str, str]:
    """Return the provider, and the number that the provider has given to the user.

    Raises Refusal if the provider's answer does not contain this number. A provider never gives the
    same number to another user. At GitHub, the number is the claim `id` (REST API, Users). At other
    providers, the number is the claim `sub` (OpenID Connect Core 1.0, 5.7).
    """
    claim = "id" if login.method == "github" else "sub"
    value = told.get(claim) if isinstance(told, dict) else None
    if not isinstance(value, int) or isinstance(value, bool):
        value = text_claim(login, told, claim)
    return provider_of(login), str(value)


def provider_of(login: Login) -> str:
    """Return a text that identifies the provider in the ledger."""
    return f"{login.method} {login.url}"


def name_and_domain(login: Login, told: Any) -> tuple[str, str]:
    """Return the user's name at the hub, and the domain of the name at the provider.

    If the site lists exactly one domain, this domain is removed from the name. Raises Refusal if
    the name is not allowed.
    """
    name = text_claim(login, told, login.claim)
    if login.claim == "email" and (
        told.get("email_verified") is False
        or (login.method == "oidc" and told.get("email_verified") is not True)
    ):
        raise Refusal(
            _(
                "{service} has not verified your e-mail address. Verify it there, then log in again.",
                service=service_of(login),
            )
        )
    _check_name(login, name)
    local, _at, domain = name.rpartition("@")
    name, domain = name.lower(), domain.lower() if local else ""
    if domains := login.allow.domains:
        if name.count("@") != 1 or domain not in domains:
            raise Refusal(
                _(
                    "This site is for users of {domains}, but you logged in as {name}. Log out at "
                    "{service}, and log in with the account of your organization.",
                    domains=", ".join(domains),
                    name=shown(name),
                    service=service_of(login),
                )
            )
        if len(domains) == 1:
            name = name.rpartition("@")[0]
            _check_name(login, name)
    return name, domain


def _check_name(login: Login, name: str) -> None:
    """Refuse a name with characters that have a special meaning in URLs or command lines, or that
    look like other letters.

    The hub writes names in lower case. Without this rule, two users could get the same name,
    because in lower case some characters, such as the Kelvin sign, become ordinary letters.
    """
    plain = "".join(letter.lower() if letter.isascii() else letter for letter in name)
    if (
        not _NAME.fullmatch(name)
        or not name.isprintable()
        or name.startswith("-")
        or name in (".", "..")
        or name.lower() != plain
    ):
        raise Refusal(
            _(
                "{service} gives you the name {name}, which cannot be a user's name here. Tell the "
                "administrators of this site.",
                service=service_of(login),
                name=shown(name),
            )
        )


def text_claim(login: Login, told: Any, claim: str) -> str:
    """Return the value of a claim. Raises Refusal if the value is missing or is not text."""
    value = told.get(claim) if isinstance(told, dict) else None
    if not isinstance(value, str) or not value:
        raise Refusal(
            _(
                "{service} did not return your {claim}. Tell the administrators of this site.",
                service=service_of(login),
                claim=claim,
            )
        )
    return value


def account_of(login: Login, told: Any) -> str:
    """Return the value of the claim that contains the user's cluster account; "" if the claim is
    missing or is not text."""
    value = told.get(login.account_claim) if login.account_claim else None
    return value if isinstance(value, str) else ""


def texts(value: Any) -> frozenset[str]:
    """Return the elements of a list that are texts. If the value is not a list, the result is
    empty."""
    listed = value if isinstance(value, (list, tuple)) else ()
    return frozenset(one for one in listed if isinstance(one, str))


def are_meant(people: People, claims: Claims) -> bool:
    """Return whether a set of users in the site file, such as `login.allow`, includes this user.

    If `domains` is set, users of other domains are never included. If only `domains` is set, all
    users of these domains are included.
    """
    if people.domains and claims.domain not in people.domains:
        return False
    if not (people.users or people.organizations or people.groups):
        return bool(people.domains)
    return bool(
        claims.name in people.users
        or claims.organizations.intersection(people.organizations)
        or claims.groups.intersection(people.groups)
    )


def check_admitted(login: Login, claims: Claims) -> None:
    """Raise Refusal if the site file does not allow this user to log in."""
    if not are_meant(login.allow, claims):
        raise Refusal(
            _(
                "{service} has confirmed that you are {name}, but this user may not log in here. Ask "
                "the administrators of this site to add you, or a group of yours.",
                service=service_of(login),
                name=shown(claims.name),
            ),
            claims.name,
        )
