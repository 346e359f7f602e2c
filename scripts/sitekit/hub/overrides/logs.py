"""What JupyterHub logs, made shorter where it is noise, and left out where it is a secret."""

from __future__ import annotations

import logging
import re
from collections.abc import Container

from jupyterhub.log import CoroutineLogFormatter
from jupyterhub.spawner import SpawnException
from tornado.log import app_log

log = logging.getLogger("JupyterHub")

SHOWN = 3  # names of users without an account
NOBODY = "(not the name of an account)"
ATTEMPTS = (  # what JupyterHub says of a login that fails (auth.py; handlers/base.py, login_user)
    "Failed login for",
    "PAM Authentication failed (",
    "PAM Account Check failed (",
    "Disallowing invalid username",
    "User %r blocked",
    "User %r not allowed",
)
SECRET = re.compile(
    r"""(
        _xsrf(?:=|%3D)  # in an address, or in one that is part of another's query
        | [?&] [^=&\s]* (?:token|auth|key|code|state) [^=&\s]* =
        | "X-(?:Xsrf|Csrf)token": \s "
    ) [^&\s"')]+""",
    re.IGNORECASE | re.VERBOSE,
)


def log_refusals_in_one_line() -> None:
    """JupyterHub promises no traceback for a SpawnException, and writes one for options that are
    refused (spawner.py, _run_apply_user_options; handlers/pages.py, _post). Its reason stands in
    the line that follows."""

    def shorten(record: logging.LogRecord) -> bool:
        if record.exc_info and isinstance(record.exc_info[1], SpawnException):
            record.exc_info = None
        return True

    log.addFilter(shorten)


def log_no_cookie_ids() -> None:
    """JupyterHub logs what it makes a browser's _xsrf from: the session's id, and the one that the
    login cookie carries (_xsrf_utils.py, _set_xsrf_cookie); and an _xsrf cookie that it cannot
    decode. Logs are sent on, and read by people who need not know them."""
    theirs = ("Setting new xsrf cookie", "Invalid value %r", "Invalid base64 value %r")
    app_log.addFilter(lambda record: not str(record.msg).startswith(theirs))


def log_no_strangers_names(accounts: Container[str]) -> None:
    """What somebody typed as a name is logged if it is the name of an account. It might be a
    password, one line too early."""

    def replace(record: logging.LogRecord) -> bool:
        if (
            str(record.msg).startswith(ATTEMPTS)
            and isinstance(record.args, tuple)
            and record.args[0] not in accounts
        ):
            record.args = (NOBODY, *record.args[1:])
        return True

    log.addFilter(replace)


class SecretsLeftOut(CoroutineLogFormatter):
    """JupyterHub's formatter. It shortens the addresses of requests, but not everywhere: tornado
    writes them into its warnings, and after a fault all headers are written, Referer and
    X-XSRFToken among them (log.py, log_request)."""

    def format(self, record: logging.LogRecord) -> str:
        return SECRET.sub(r"\1[secret]", super().format(record))


class AbsentUsers:
    """Users in the hub's database who have no account on this host, told in one line.

    JupyterHub writes a traceback for each, and the advice to delete such users (app.py,
    init_users). Here they are kept (see update_login), as a directory may be silent just then.
    """

    def __init__(self) -> None:
        self._names: list[str] = []
        log.addFilter(self._keep_name)

    def _keep_name(self, record: logging.LogRecord) -> bool:
        text = str(record.msg)
        unknown = record.exc_info and record.exc_info[0] is KeyError
        if (
            text == "Error adding user %s already in db"
            and unknown
            and isinstance(record.args, tuple)
        ):
            self._names.append(str(record.args[0]))
            return False
        return "c.Authenticator.delete_invalid_users = True" not in text

    async def tell(self) -> None:
        """One line, once JupyterHub has read its users."""
        if self._names:
            more = " and others" if len(self._names) > SHOWN else ""
            shown = ", ".join(self._names[:SHOWN])
            log.warning(
                "%d users in the database have no account on this host: %s%s",
                len(self._names),
                shown,
                more,
            )
