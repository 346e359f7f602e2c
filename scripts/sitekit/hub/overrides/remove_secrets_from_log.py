"""Remove secrets, passwords typed as names, and useless lines from JupyterHub's log."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Container
from datetime import datetime, timezone

from jupyterhub.log import CoroutineLogFormatter
from jupyterhub.spawner import SpawnException
from tornado.log import app_log

log = logging.getLogger("JupyterHub")

NOBODY = "(not the name of an account)"
ATTEMPTS = (  # JupyterHub's messages about a failed login (auth.py; handlers/base.py, login_user)
    "Failed login for",
    "PAM Authentication failed (",
    "PAM Account Check failed (",
    "Disallowing invalid username",
    "User %r blocked",
    "User %r not allowed",
)
START = re.compile(r"Start ([0-9a-f]{16}): ")
SECRET = re.compile(
    r"""(
        _xsrf(?:=|%3D)  # in a URL, or in a URL that is part of another URL's query
        | [?&] [^=&\s]* (?:token|auth|key|code|state) [^=&\s]* =
        | "X-(?:Xsrf|Csrf)token": \s "
    ) [^&\s"')]+""",
    re.IGNORECASE | re.VERBOSE,
)


def leave_out_advice_to_delete_users() -> None:
    """Do not log JupyterHub's advice to delete users whose accounts were not found (app.py,
    init_users): an account is not found either if the directory of accounts is down."""
    log.addFilter(lambda record: "c.Authenticator.delete_invalid_users" not in str(record.msg))


def log_refusals_in_one_line() -> None:
    """Log a refused start without a traceback.

    JupyterHub's documentation promises no traceback for a SpawnException, but JupyterHub logs a
    traceback if options are refused (spawner.py, _run_apply_user_options; handlers/pages.py,
    _post). The next line of the log contains the reason for the refusal.
    """

    def shorten(record: logging.LogRecord) -> bool:
        if record.exc_info and isinstance(record.exc_info[1], SpawnException):
            record.exc_info = None
        return True

    log.addFilter(shorten)


def log_no_cookie_ids() -> None:
    """Do not log the ids from which JupyterHub creates a browser's _xsrf cookie.

    The two ids are the id of the session, and the id in the login cookie (_xsrf_utils.py,
    _set_xsrf_cookie). An _xsrf cookie that cannot be decoded is not logged either. The ids must not
    be in the log, because logs are often forwarded to other people.
    """
    theirs = ("Setting new xsrf cookie", "Invalid value %r", "Invalid base64 value %r")
    app_log.addFilter(lambda record: not str(record.msg).startswith(theirs))


def log_no_strangers_names(accounts: Container[str]) -> None:
    """Log the name in a login only if an account has that name.

    An unknown name can be a password that a user has typed into the wrong field.
    """

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
    """Format log records as JupyterHub does, without secrets.

    JupyterHub removes secrets from the URLs of most requests in its log. However, the warnings of
    the web framework tornado contain URLs with secrets. After an error, JupyterHub logs all
    headers, such as Referer and X-XSRFToken (log.py, log_request).
    """

    def format(self, record: logging.LogRecord) -> str:
        return SECRET.sub(r"\1[secret]", super().format(record))


class JsonLines(SecretsLeftOut):
    """Format each log record as one JSON object on one line, without secrets.

    The format of the message itself must be `%(message)s`.

    For a step of a server's start (servers/log_start_steps.py), the JSON object also has the key `start`
    with the start's id.
    """

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, timezone.utc)
        line = {
            "time": at.isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": super().format(record),
        }
        if found := START.match(line["message"]):
            line["start"] = found[1]
        return json.dumps(line)
