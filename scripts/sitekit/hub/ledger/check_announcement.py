"""Check an announcement before it is recorded: its text, level, pages and times.

`make announce`, `make message` and the hub's REST API use the same checks.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ...base.errors import BadInput, shown
from ...base.language import later as N_

PAGES = ("login", "form", "home", "waiting", "lab")
LEVELS = ("info", "warning", "maintenance")
TEXT = 500  # characters
LATEST = 4_102_444_800  # 2100-01-01, in seconds since the epoch
REMEDY_TIME = "write a local time such as 2026-12-01T09:00, or 2026-12-01, or 09:00 for today"


@dataclass(frozen=True, kw_only=True)
class Announcement:
    """An announcement. Times are seconds since the epoch; `ends` is None if the announcement has no
    end time.

    `user` is the only user who sees the announcement; "" means all users. If `dismissible` is true,
    users can close the announcement.
    """

    text: str
    level: str = "info"
    pages: tuple[str, ...] = PAGES
    begins: float = 0.0
    ends: float | None = None
    dismissible: bool = True
    user: str = ""


def read_announcement(given: Mapping[str, Any], now: float | None = None) -> Announcement:
    """Return the announcement that is given by the keys `text`, `level`, `pages`, `from`, `until`,
    `dismiss` and `user`. Raises BadInput if a key is unknown, or if a value is not allowed."""
    now = time.time() if now is None else now
    known = {"text", "level", "pages", "from", "until", "dismiss", "user"}
    if unknown := sorted(set(given) - known):
        raise BadInput(f"there is no key {shown(unknown[0])}", "announcement", _keys(known))
    begins = read_time(given.get("from"), "from", now)
    ends = read_time(given.get("until"), "until", now)
    if ends is not None and ends <= max(now, begins or 0):
        raise BadInput("this is over before it begins", "until", "name a later time")
    return Announcement(
        text=read_text(given.get("text")),
        level=_one_of(given.get("level") or "info", "level", LEVELS),
        pages=_pages(given.get("pages")),
        begins=begins or now,
        ends=ends,
        dismissible=_flag(given.get("dismiss", True)),
        user=_user(given.get("user") or ""),
    )


SENDERS = {
    "info": N_("Announcement"),
    "warning": N_("Warning"),
    "maintenance": N_("Maintenance"),
}
"""The word that stands before the text of an announcement, for each level."""


def in_lab(one: Mapping[str, Any]) -> dict[str, Any]:
    """Return a recorded announcement as a dictionary with the keys that sitekit's extension of
    JupyterLab reads."""
    return {
        "id": f"announcement-{one['id']}",
        "from": SENDERS.get(one["level"], "Announcement"),
        "text": one["text"],
        "level": one["level"],
        "once": "1" if one["dismissible"] else "",
    }


def body_of(messages: Iterable[Mapping[str, Any]], server: Mapping[str, str]) -> bytes:
    """Return the body of the hub's answer when a server requests the messages for its user.

    `server` contains the URLs of the hub's pages about this server. Non-ASCII characters are not
    escaped, because an older server reads only the first 64 KiB, and escapes need more bytes.
    """
    text = json.dumps({"server": dict(server), "messages": list(messages)}, ensure_ascii=False)
    return text.encode("utf-8", "replace")


def read_text(value: object) -> str:
    """Check the text of an announcement, and return the text in one line. Raises BadInput if the
    text is empty, too long, or not printable."""
    text = " ".join(value.split()) if isinstance(value, str) else ""
    if not 0 < len(text) <= TEXT or not text.isprintable():
        raise BadInput("this is no text that users can read", "text", f"1 to {TEXT} characters")
    return text


def read_time(value: object, key: str, now: float) -> float | None:
    """Return a time in seconds since the epoch; None if no time is given. Raises BadInput if
    `value` is not a time."""
    if value is None or value == "":
        return None
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < LATEST:
        return float(value)
    text = value if isinstance(value, str) else ""
    if re.fullmatch(r"\d\d:\d\d", text, re.ASCII):
        text = f"{datetime.fromtimestamp(now):%Y-%m-%d}T{text}"
    try:
        if not re.match(r"\d{4}-\d\d-\d\d", text, re.ASCII):
            raise ValueError
        at = datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        raise BadInput(f"{shown(value)} is no time", key, REMEDY_TIME) from None
    if not 0 < at < LATEST:
        raise BadInput(f"{shown(value)} is out of range", key, REMEDY_TIME)
    return at


def _pages(value: object) -> tuple[str, ...]:
    """Return the pages that show the announcement; all pages if `value` names no page. Raises
    BadInput if `value` names an unknown page."""
    if not value:
        return PAGES
    words = value.replace(",", " ").split() if isinstance(value, str) else value
    if not isinstance(words, (list, tuple)):
        raise BadInput("this is no list of pages", "pages", f"use {', '.join(PAGES)}")
    named = {_one_of(word, "pages", PAGES) for word in words}
    return tuple(page for page in PAGES if page in named)


def _one_of(value: object, key: str, words: Iterable[str]) -> str:
    if not isinstance(value, str) or value not in words:
        raise BadInput(f"there is no {shown(value)}", key, f"use one of: {', '.join(words)}")
    return value


def _flag(value: object) -> bool:
    """Return whether users can close the announcement. Raises BadInput if `value` is neither 0 nor
    1."""
    if value in ("", None):
        return True
    if value not in (True, False, "0", "1"):
        raise BadInput(f"{shown(value)} is neither 0 nor 1", "dismiss", "write 0 or 1")
    return value in (True, "1")


def _user(value: object) -> str:
    if not isinstance(value, str) or len(value) > 255 or not value.isprintable():
        raise BadInput(f"{shown(value)} is no user's name", "user", "name one user of the hub")
    return value


def _keys(known: Iterable[str]) -> str:
    return f"use {', '.join(sorted(known))}"
