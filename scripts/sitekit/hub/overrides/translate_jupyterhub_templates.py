"""Translate the texts in JupyterHub's own templates. JupyterHub itself does not support
translations of its templates.

Upstream thread: https://github.com/jupyterhub/jupyterhub/issues/1604 (localization). Texts that
JupyterHub's scripts write, such as the page of its administrators, stay English.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from jinja2.ext import Extension
from jinja2.lexer import Token, TokenStream
from markupsafe import escape

from ...base.data_files import data
from ...base.language import gettext as _
from ...base.language import later as N_

WORDS = frozenset(
    {
        N_("Accept sharing invitation"),
        N_("You ("),
        N_(") have been invited to access"),
        N_("'s server"),
        N_("at"),
        N_("The server at"),
        N_("is not currently running. After accepting permission, you may need to ask"),
        N_("to start the server before you can access it."),
        N_(
            "By accepting the invitation, you will be granted the following permissions, "
            "restricted to this particular server:"
        ),
        N_("Applies to"),
        N_("Accept invitation"),
        N_("After accepting the invitation, you will be redirected to"),
        N_("JupyterHub home page"),
        N_("Stop My Server"),
        N_("Start"),
        N_("My Server"),
        N_("Named Servers"),
        N_("In addition to your default server, you may have additional"),
        N_(
            "server(s) with names. This allows you to have more than one server running "
            "at the same time."
        ),
        N_("Server name"),
        N_("Last activity"),
        N_("Actions"),
        N_("Add New Server"),
        N_("server name"),
        N_("Never"),
        N_("stop"),
        N_("start"),
        N_("delete"),
        N_(
            "Warning: JupyterHub seems to be served over an unsecured HTTP connection. We "
            "strongly recommend enabling HTTPS for JupyterHub."
        ),
        N_("Sign in with"),
        N_("Sign in"),
        N_("Username:"),
        N_("Password:"),
        N_("Show password"),
        N_("By logging into the platform you accept the"),
        N_("terms and conditions"),
        N_("Successfully logged out."),
        N_("Spawn failed"),
        N_("Server not running"),
        N_("The latest attempt to start your server"),
        N_("has failed."),
        N_("Would you like to retry starting it?"),
        N_("Your server"),
        N_("is not running."),
        N_(
            "It will be restarted automatically. If you are not redirected in a few "
            "seconds, click below to launch your server."
        ),
        N_("Would you like to start it?"),
        N_("Relaunch"),
        N_("Launch"),
        N_("Server"),
        N_("Authorize access"),
        N_(
            "An application is requesting authorization to access data associated with "
            "your JupyterHub account"
        ),
        N_("(oauth URL:"),
        N_(") would like permission to identify you."),
        N_("It will not be able to take actions on your behalf."),
        N_("This will grant the application permission to:"),
        N_("This authorization is required"),
        N_("Authorize"),
        N_("Close"),
        N_("JupyterHub requires JavaScript."),
        N_("Please enable it to proceed."),
        N_("JupyterHub logo"),
        N_("Home"),
        N_("Toggle navigation"),
        N_("Token"),
        N_("Admin"),
        N_("Services"),
        N_("Toggle dark mode"),
        N_("Logout"),
        N_("Login"),
        N_("Server Options"),
        N_("Spawning server for"),
        N_("Error:"),
        N_("Your server is starting up."),
        N_("You will be redirected automatically when it's ready for you."),
        N_("Complete"),
        N_("Event log"),
        N_("Stop Server"),
        N_("Your server is stopping."),
        N_("You will be able to start it again once it has finished stopping."),
        N_("refresh"),
        N_("Manage JupyterHub Tokens"),
        N_("Note"),
        N_("This note will help you keep track of what your tokens are for."),
        N_("Token expires in"),
        N_("note to identify your new token"),
        N_("You can configure when your token will expire."),
        N_("Permissions"),
        N_(
            "You can limit the permissions of the token so it can only do what you want "
            "it to. If none are specified, the token will have permission to do "
            "everything you can do. See the"
        ),
        N_("JupyterHub documentation for a list of available scopes"),
        N_("Request new API token"),
        N_("Your new API Token"),
        N_(
            "Copy this token. You won't be able to see it again, but you can always come "
            "back here to get a new one."
        ),
        N_("list of scopes for the token to have, separated by space"),
        N_("API Tokens"),
        N_(
            "These are tokens with access to the JupyterHub API. Permissions for each "
            "token may be viewed via the JupyterHub tokens API. Revoking the API token "
            "for a running server will require restarting that server."
        ),
        N_("Last used"),
        N_("Created"),
        N_("Expires"),
        N_("scopes"),
        N_("revoke"),
        N_("Authorized Applications"),
        N_(
            "These are applications that use OAuth with JupyterHub to identify users "
            "(mostly notebook servers). OAuth tokens can generally only be used to "
            "identify you, not take actions on your behalf."
        ),
        N_("Application"),
        N_("First authorized"),
        N_("Jupyter has lots of moons, but this is not one..."),
    }
)
"""The texts of JupyterHub's templates. Each text is between two tags, or is the value of an
attribute."""


_TEXT = re.compile(r"(?P<before>(?:^|>)\s*)(?P<text>[^<>]*[^<>\s])(?P<after>\s*(?=<|$))")
_ATTRIBUTE = re.compile(
    r"(?P<before>\b(?:alt|title|value|placeholder|aria-label)=(?P<quote>[\"']))"
    r"(?P<text>[^\"'<>]+)(?P<after>(?P=quote))"
)
_LANGUAGE = '<html lang="en">'


class UpstreamWords(Extension):
    """Translate texts of JupyterHub's templates when Jinja compiles them.

    If a newer JupyterHub has changed a text, WORDS does not contain the new text, which stays
    English.
    """

    language = "en"

    def filter_stream(self, stream: TokenStream) -> TokenStream | Iterator[Token]:
        """Return the tokens of a template, with translated texts if the template is JupyterHub's."""
        ours = data("config/templates")
        if stream.filename is None or Path(stream.filename).parent == ours:
            return stream
        return self._translated(stream)

    def _translated(self, stream: TokenStream) -> Iterator[Token]:
        for token in stream:
            if token.type == "data":
                html = token.value.replace(_LANGUAGE, f'<html lang="{self.language}">')
                yield Token(token.lineno, "data", translate(html))
            else:
                yield token


def translate(html: str) -> str:
    """Return a part of a template in which the texts of WORDS are translated."""
    return _ATTRIBUTE.sub(_replacement, _TEXT.sub(_replacement, html))


def texts(html: str) -> Iterator[str]:
    """Yield the texts in a part of a template: the texts between tags, and the texts in
    attributes."""
    for pattern in (_TEXT, _ATTRIBUTE):
        for match in pattern.finditer(html):
            yield " ".join(match["text"].split())


def _replacement(match: re.Match[str]) -> str:
    text = " ".join(match["text"].split())
    return f"{match['before']}{escape(_(text))}{match['after']}" if text in WORDS else match[0]
