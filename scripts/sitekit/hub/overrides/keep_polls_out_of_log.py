"""Keep the requests that open pages repeat every few seconds out of the hub's log."""

from __future__ import annotations

import logging
import re

access_log = logging.getLogger("tornado.access")
POLL = re.compile(
    r"200 GET \S*/(courses/[a-z0-9_-]+/state|api/sitekit/((course/)?messages|server(\?\S*)?)) \("
)


def log_polls_at_debug() -> None:
    """Log the requests that open pages repeat every few seconds only if the hub's log level is
    debug.

    JupyterHub logs each successful request with the level info, except requests for files and for
    the hub's health (log.py, log_request). The logger itself passes on all messages. The logger's
    handler drops the messages below the hub's log level.
    """

    def lower_level(record: logging.LogRecord) -> bool:
        if record.levelno == logging.INFO and POLL.match(record.getMessage()):
            record.levelno, record.levelname = logging.DEBUG, "DEBUG"
        return True

    access_log.addFilter(lower_level)
