"""Log users in at GitHub, Globus, CILogon or a provider of OpenID Connect."""

from __future__ import annotations

import base64
import os
import time
from dataclasses import replace
from typing import Any
from urllib.parse import quote, quote_plus

from oauthenticator.cilogon import CILogonLoginHandler, CILogonOAuthenticator
from oauthenticator.generic import GenericOAuthenticator
from oauthenticator.github import GitHubOAuthenticator
from oauthenticator.globus import GlobusOAuthenticator
from tornado.httpclient import HTTPClientError

from ...base.errors import shown
from ...base.language import gettext as _
from ...site import Site
from ..servers.unix_accounts_of_users import AccountMap
from .at_provider import AtProvider
from .claims import Claims, Refusal, name_and_domain, service_of, text_claim, texts
from .provider_login_handlers import LoginHandler
from .record_provider_logins import LastLogins

GROUPS = "urn:globus:auth:scope:groups.api.globus.org:view_my_groups_and_memberships"
NO_CONTENT, FOUND, NOT_FOUND = 204, 302, 404
DOCUMENT_AGE = 3600.0  # seconds after which the hub reads the provider's discovery document again


class AtGitHub(AtProvider, GitHubOAuthenticator):
    """Log users in at GitHub, or at a GitHub Enterprise Server."""

    async def more_claims(self, claims: Claims, tokens: Any, told: Any) -> Claims:
        """Add the organizations and teams of which the user is a member. Only organizations and
        teams in the site file are checked.

        oauthenticator's own method treats every unexpected answer as "not a member". With
        oauthenticator's method, everybody would be logged out while GitHub is down or limits
        requests (github.py, _check_membership_allowed_organizations).
        """
        login, found = self.site.login, set()
        odd: Any = None
        for one in sorted({*login.allow.organizations, *login.admins.organizations}):
            answer = await self._ask_membership(one, claims.name, tokens)
            if answer.code == NO_CONTENT:
                found.add(one)
            elif answer.code not in (FOUND, NOT_FOUND):
                odd = answer
        if odd and not found:
            raise HTTPClientError(odd.code, response=odd)
        return replace(claims, organizations=frozenset(found))

    async def _ask_membership(self, one: str, user: str, tokens: Any) -> Any:
        """Return GitHub's answer. The answer's status is 204 for a member of the organization or
        team. For other users, the status is 302 or 404."""
        organization, _, team = one.partition(":")
        below = f"{organization}/teams/{team}" if team else organization
        return await self.httpfetch(
            f"{self.github_api}/orgs/{below}/members/{quote(user, safe='')}",
            "asking for a membership",
            parse_json=False,
            raise_error=False,
            follow_redirects=False,  # GitHub redirects to the list of public members
            headers=self.build_userdata_request_headers(
                tokens["access_token"], tokens["token_type"]
            ),
            validate_cert=self.validate_server_cert,
        )


class AtGlobus(AtProvider, GlobusOAuthenticator):
    """Log users in at Globus."""

    async def more_claims(self, claims: Claims, tokens: Any, told: Any) -> Claims:
        """Add the user's groups at Globus, if the site file lists any groups.

        oauthenticator's own method fails if the answer has no token for groups, and treats an
        invitation as a membership (globus.py, _fetch_users_groups).
        """
        if not (self.site.login.allow.groups or self.site.login.admins.groups):
            return claims
        token = next(
            (
                one["access_token"]
                for one in tokens.get("other_tokens") or ()
                if one.get("resource_server") == "groups.api.globus.org"
            ),
            None,
        )
        if token is None:
            raise Refusal(
                _(
                    "Globus did not give this site access to your groups. Log in again, and allow the "
                    "access."
                )
            )
        groups = await self.httpfetch(
            self.globus_groups_url,
            "fetching groups",
            headers=self.build_userdata_request_headers(token, "Bearer"),
            validate_cert=self.validate_server_cert,
        )
        return replace(claims, groups=texts([one["id"] for one in groups if _is_active(one)]))


def _is_active(group: dict[str, Any]) -> bool:
    """Return whether the user's membership in a Globus group is active."""
    memberships = group.get("my_memberships")
    return memberships is None or any(one.get("status") == "active" for one in memberships)


class AskCILogon(LoginHandler, CILogonLoginHandler):
    """Redirect the browser to CILogon, whose page then offers only the site's identity
    providers."""


class AtCILogon(AtProvider, CILogonOAuthenticator):
    """Log users in at CILogon."""

    login_handler = AskCILogon

    def user_info_to_username(self, user_info: Any) -> str:
        """Return the user's name, if one of the site's identity providers has confirmed the name.

        Raises Refusal if another identity provider has confirmed the name. oauthenticator's own
        method answers with an error 500 if CILogon does not name the identity provider
        (cilogon.py).
        """
        login = self.site.login
        idp = text_claim(login, user_info, "idp")
        if login.provider is None or idp not in login.provider.identity_providers:
            raise Refusal(
                _(
                    "You logged in at {provider}, whose users may not log in here. Log out at CILogon, "
                    "and choose your own organization.",
                    provider=shown(idp),
                )
            )
        return name_and_domain(login, user_info)[0]


class AtOpenId(AtProvider, GenericOAuthenticator):
    """Log users in at a provider of OpenID Connect. The provider's discovery document contains the
    provider's URLs."""

    _read_at: float | None = None

    async def discover(self) -> None:
        """Read the provider's URLs from its discovery document (OpenID Connect Discovery 1.0).

        Raises Refusal if the document names another provider, or a URL that does not begin with
        https. Without the function discover(), the provider's URLs would have to be in
        oauthenticator's configuration.
        """
        if self._read_at is not None and time.monotonic() - self._read_at < DOCUMENT_AGE:
            return
        login = self.site.login
        told = await self.httpfetch(
            f"{login.url}/.well-known/openid-configuration",
            "fetching the provider's document",
            validate_cert=self.validate_server_cert,
        )
        ends = [
            text_claim(login, told, f"{end}_endpoint")
            for end in ("authorization", "token", "userinfo")
        ]
        same = text_claim(login, told, "issuer").rstrip("/") == login.url
        if not same or not all(end.startswith("https://") for end in ends):
            raise Refusal(
                _(
                    "{service} has a wrong configuration on this site. Tell the site's administrators.",
                    service=service_of(login),
                )
            )
        self.authorize_url, self.token_url, self.userdata_url = ends
        # without this key, a provider accepts the client's secret only in the header
        ways = told.get("token_endpoint_auth_methods_supported") or ()
        self.basic_auth = "client_secret_post" not in ways
        self._read_at = time.monotonic()

    def build_token_info_request_headers(self) -> dict[str, str]:
        """Return the HTTP headers with the client's id and secret, encoded as RFC 6749, 2.3.1
        requires.

        oauthenticator's own method does not encode id and secret (oauth2.py).
        """
        headers = super().build_token_info_request_headers()
        if self.basic_auth:
            words = f"{quote_plus(self.client_id)}:{quote_plus(self.client_secret)}"
            headers["Authorization"] = f"Basic {base64.b64encode(words.encode()).decode()}"
        return headers

    async def more_claims(self, claims: Claims, tokens: Any, told: Any) -> Claims:
        """Add the user's groups, which one of the provider's claims contains."""
        provider = self.site.login.provider
        return replace(claims, groups=texts(told.get(provider.groups if provider else "groups")))


CLASSES = {"github": AtGitHub, "globus": AtGlobus, "cilogon": AtCILogon, "oidc": AtOpenId}


def update_provider(c: Any, site: Site, accounts: AccountMap) -> None:
    """Set JupyterHub's configuration for logins at a provider, such as GitHub. Each option that
    oauthenticator could read from an environment variable is set here."""
    login, provider = site.login, site.login.provider
    if provider is None:
        raise ValueError("the site has no provider of logins")
    AtProvider.site, AtProvider.accounts = site, accounts
    AtProvider.logins = LastLogins(site, accounts.ledger)
    c.JupyterHub.authenticator_class = CLASSES[login.method]
    settings = c.OAuthenticator
    settings.login_service = service_of(login)
    settings.client_id = provider.client_id
    # removed from the hub's environment so that programs that the hub starts do not get the secret
    settings.client_secret = os.environ.pop("OAUTH_CLIENT_SECRET", "")
    settings.oauth_callback_url = f"{site.front.url}/hub/oauth_callback"
    settings.scope = _scope(site)
    settings.enable_pkce = settings.validate_server_cert = True
    settings.userdata_token_method, settings.logout_redirect_url = "header", ""
    settings.basic_auth = False
    _update_addresses(c, site)
    c.Authenticator.enable_auth_state = False  # the database contains no token of a provider
    c.Authenticator.any_allow_config = True  # check_allowed() decides who may log in


def _scope(site: Site) -> list[str]:
    """Return the OAuth scopes. The site requests from the provider only the data that the site
    needs."""
    login = site.login
    email = ["email"] if login.claim == "email" else []
    groups = [GROUPS] if login.allow.groups or login.admins.groups else []
    organizations = login.allow.organizations or login.admins.organizations
    return {
        "github": ["read:org"] if organizations else [],
        "globus": ["openid", "profile", *email, *groups],
        "cilogon": ["openid", "email", "org.cilogon.userinfo", "profile"],
        "oidc": ["openid", "profile", *email],
    }[login.method]


def _update_addresses(c: Any, site: Site) -> None:
    """Set the provider's URLs in oauthenticator's options."""
    login, url = site.login, site.login.url
    if login.method == "github":
        public = url == "https://github.com"
        c.GitHubOAuthenticator.github_url = url
        c.GitHubOAuthenticator.github_api = "https://api.github.com" if public else f"{url}/api/v3"
        c.GitHubOAuthenticator.populate_teams_in_auth_state = False
    ends = {
        "github": ("login/oauth/authorize", "login/oauth/access_token", ""),
        "globus": ("v2/oauth2/authorize", "v2/oauth2/token", "v2/oauth2/userinfo"),
        "cilogon": ("authorize", "oauth2/token", "oauth2/userinfo"),
    }.get(login.method)
    if ends:
        c.OAuthenticator.authorize_url, c.OAuthenticator.token_url = (
            f"{url}/{end}" for end in ends[:2]
        )
        data = f"{c.GitHubOAuthenticator.github_api}/user" if not ends[2] else f"{url}/{ends[2]}"
        c.OAuthenticator.userdata_url = data
    if login.method == "globus":
        own = login.provider and login.provider.url
        groups = url if own else "https://groups.api.globus.org"
        c.GlobusOAuthenticator.globus_groups_url = f"{groups}/v2/groups/my_groups"
        c.GlobusOAuthenticator.identity_provider = ""
    if login.method == "cilogon" and login.provider:
        # oauthenticator requires a rule for the user's name; name_and_domain() replaces this rule
        derived = {"username_derivation": {"username_claim": login.claim}}
        c.CILogonOAuthenticator.idps = dict.fromkeys(login.provider.identity_providers, derived)
