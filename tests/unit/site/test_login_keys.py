"""The section `login` with a provider: what fits the method, and what admits nobody."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from sitekit.base.errors import Unfits
from sitekit.site.sections.login import Login

CLIENT = {"client_id": "jupyter", "client_secret": "/etc/ssl/private/jupyter-login"}
IDP = {"identity_providers": ["https://idp.example.org/shibboleth"]}
METHODS: dict[str, dict[str, Any]] = {
    "github": {"provider": CLIENT, "allow": {"organizations": ["example"]}},
    "globus": {"provider": CLIENT, "allow": {"domains": ["uni.example.org"]}},
    "cilogon": {"provider": CLIENT | IDP, "allow": {"domains": ["uni.example.org"]}},
    "oidc": {
        "provider": CLIENT | {"url": "https://login.example.org"},
        "allow": {"groups": ["jupyter users"]},
    },
}


OF_FRONT = {"directives": "/etc/apache2/jupyter-login.conf"}


def login(method: str, **changes: Any) -> Login:
    """A good login of this method, changed."""
    more = OF_FRONT if method == "front" else METHODS.get(method, {})
    values = {"method": method, "allowed_groups": ["users"], **more}
    for key, value in changes.items():
        both = isinstance(value, dict) and isinstance(values.get(key), dict)
        values[key] = values[key] | value if both else value
    return Login.model_validate(values)


def faults(method: str, **changes: Any) -> dict[str, str]:
    """What is refused, by its key."""
    with pytest.raises(ValidationError) as refused:
        login(method, **changes)
    found = {}
    for error in refused.value.errors():
        cause = error.get("ctx", {}).get("error")
        for one in cause.faults if isinstance(cause, Unfits) else [cause]:
            key = (*error["loc"], *(one.key if one else ()))
            found[".".join(map(str, key))] = str(one or error["msg"])
    return found


@pytest.mark.parametrize("method", METHODS)
def test_each_method_has_a_shortest_form(method: str) -> None:
    assert login(method).accounts == "same"


@pytest.mark.parametrize("method", METHODS)
def test_nobody_is_admitted_by_default(method: str) -> None:
    nobody = {"users": [], "organizations": [], "domains": [], "groups": []}
    assert "nobody may log in" in faults(method, allow=nobody)["allow"]
    assert "the client that is registered" in faults(method, provider=None)["provider"]


@pytest.mark.parametrize(
    ("method", "changes", "key"),
    [
        ("pam", {"provider": CLIENT}, "provider"),
        ("pam", {"directives": "/etc/login.conf"}, "directives"),
        ("oidc", {"modules": ["shib"]}, "modules"),
        ("front", {"directives": None}, "directives"),
        ("front", {"provider": CLIENT}, "provider"),
        ("front", {"passwords": "sssd"}, "passwords"),
        ("front", {"allow": {"groups": ["staff"]}}, "allow.groups"),
        ("front", {"accounts": {"claim": "uid"}}, "accounts.claim"),
        ("front", {"allowed_groups": []}, "allowed_groups"),
        ("front", {"allowed_groups": [], "accounts": {"gateway": "gateway"}}, "allow"),
        ("pam", {"allow": {"users": ["alice"]}}, "allow"),
        ("pam", {"admins": {"users": ["alice"]}}, "admins"),
        ("pam", {"accounts": {"gateway": "gateway"}}, "accounts"),
        ("github", {"admin_groups": ["staff"]}, "admin_groups"),
        ("oidc", {"passwords": "sssd"}, "passwords"),
        ("oidc", {"second_factor": "totp"}, "second_factor"),
        ("github", {"provider": {"username": "email"}}, "provider.username"),
        ("github", {"provider": {"url": "https://github.example.org/x"}}, "provider.url"),
        ("globus", {"provider": {"groups": "teams"}}, "provider.groups"),
        ("oidc", {"provider": IDP}, "provider.identity_providers"),
        ("oidc", {"provider": {"url": None}}, "provider"),
        ("cilogon", {"provider": {"identity_providers": []}}, "provider"),
        ("github", {"allow": {"domains": ["example.org"]}}, "allow.domains"),
        ("github", {"admins": {"groups": ["staff"]}}, "admins.groups"),
        ("oidc", {"allow": {"organizations": ["example"]}}, "allow.organizations"),
        ("cilogon", {"allow": {"groups": ["staff"]}}, "allow.groups"),
        ("globus", {"allow": {"groups": ["staff"]}}, "allow.groups.0"),
        ("github", {"accounts": {"claim": "company"}}, "accounts.claim"),
        ("oidc", {"allowed_groups": []}, "allowed_groups"),
        ("oidc", {"accounts": {"gateway": "gateway"}}, "allowed_groups"),
        ("oidc", {"allow": {"groups": [], "users": ["bob"]}, "admins": {"users": ["eve"]}}, "admins.users.0"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_by_its_key(
    method: str, changes: dict[str, Any], key: str
) -> None:
    assert list(faults(method, **changes)) == [key]


@pytest.mark.parametrize(
    "changes",
    [
        {"allow": {"users": ["*"]}, "provider": {"client_secret": "secret"}},
        {"allow": {"users": ["Alice"]}},
        {"allow": {"users": ["a b"]}},
        {"allow": {"users": ["a/b"]}},
        {"allow": {"domains": ["*"]}},
        {"allow": {"domains": ["@example.org"]}},
        {"allow": {"domains": ["Example.org"]}},
        {"allow": {"groups": ["a\nb"]}},
        {"accounts": "any"},
        {"accounts": {}},
        {"accounts": {"gateway": "root"}},
        {"accounts": {"gateway": "ALL"}},
        {"accounts": {"gateway": "a", "file": "/etc/accounts"}},
        {"accounts": {"claim": "uid", "file": "/etc/accounts"}},
        {"accounts": {"claim": ""}},
        {"accounts": {"claim": "two words"}},
        {"accounts": {"command": "bin/account --all"}},
        {"provider": {"url": "http://login.example.org"}},
        {"provider": {"username": "a b"}},
    ],
)
def test_what_would_mean_more_than_it_says_is_refused(changes: dict[str, Any]) -> None:
    assert faults("oidc", **changes)


@pytest.mark.parametrize("organization", ["*", "a/b", "a:b:c", "", "-x", "a?b"])
def test_an_organization_is_one_name(organization: str) -> None:
    assert faults("github", allow={"organizations": [organization]})


def test_a_gateway_needs_no_group() -> None:
    found = login("github", accounts={"gateway": "gateway"}, allowed_groups=[])
    assert found.gateway == "gateway" and login("github").gateway is None


@pytest.mark.parametrize("method", ["globus", "cilogon", "oidc"])
def test_an_account_can_be_a_claim(method: str) -> None:
    assert login(method, accounts={"claim": "uid"}).account_claim == "uid"
    assert login(method).account_claim is None


def test_claims_and_addresses_have_defaults() -> None:
    assert {method: login(method).claim for method in METHODS} == {
        "github": "login", "globus": "preferred_username", "cilogon": "eppn",
        "oidc": "preferred_username",
    }  # fmt: skip
    assert login("oidc", provider={"username": "email"}).claim == "email"
    assert login("github").url == "https://github.com"
    assert login("oidc", provider={"url": "https://a.example/b/"}).url == "https://a.example/b"
