"""Return the announcements that a page of the hub shows, maintenance windows included.

The hub sends no query for a page, because the announcements are in the ledger, and a loop of the
backend has read the maintenance windows.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from ...backends.start_and_job_records import Maintenance
from ...base.language import date_text
from ...base.language import gettext as _
from ...base.language import later as N_
from ..ledger.check_announcement import SENDERS
from ..servers.shared_objects import HubState

STYLES = {"info": "info", "warning": "warning", "maintenance": "danger"}
"""Bootstrap's classes of an alert, by level."""
WINDOW_PAGES = ("form", "waiting")
AHEAD = 14 * 86400  # seconds for which a maintenance window is shown before it begins


def announcements_of(hub_state: HubState) -> Callable[[Any], Callable[[str], list[dict[str, Any]]]]:
    """Return a function for the option c.JupyterHub.template_vars. For each page, JupyterHub calls
    this function with the user who opens the page."""

    def for_user(user: Any) -> Callable[[str], list[dict[str, Any]]]:
        return lambda page: shown_on(hub_state, user.name if user else "", page)

    return for_user


def shown_on(hub_state: HubState, user: str, page: str) -> list[dict[str, Any]]:
    """Return the announcements that a page shows to this user, each with its key, style, sender and
    text."""
    told = [
        {
            "key": str(one["id"]),
            "style": STYLES.get(one["level"], "info"),
            "sender": _(SENDERS.get(one["level"], N_("Announcement"))),
            "text": one["text"],
            "dismissible": one["dismissible"],
        }
        for one in hub_state.ledger.announced(user, page)
    ]
    return told + (_windows(hub_state) if page in WINDOW_PAGES else [])


def _windows(hub_state: HubState) -> list[dict[str, Any]]:
    """Return the maintenance windows of all backends as announcements that cannot be closed."""
    now = datetime.now().timestamp()
    windows = [one for backend in hub_state.backends.values() for one in backend.maintenance()]
    return [
        {
            "key": "",
            "style": STYLES["maintenance"],
            "sender": _(SENDERS["maintenance"]),
            "text": text_of(one, now),
            "dismissible": False,
        }
        for one in sorted(windows, key=lambda one: one.begins)
        if one.begins - AHEAD <= now < one.ends
    ]


def text_of(one: Maintenance, now: float) -> str:
    """Return the sentence about a maintenance window, in the hub's local time."""
    begins, ends = (datetime.fromtimestamp(at) for at in (one.begins, one.ends))
    day = N_("d MMMM, HH:mm")
    until = date_text(ends, N_("HH:mm") if ends.date() == begins.date() else day)
    where = _("The cluster") if one.everywhere else _("A part of the cluster")
    if now >= one.begins:
        return _(
            "{where} is in maintenance: servers do not start there before {end}.",
            where=where,
            end=date_text(ends, day),
        )
    return _(
        "{where} has maintenance on {begin} to {until}: servers that would run there past {time} "
        "do not start before {until}.",
        where=where,
        begin=date_text(begins, N_("EEEE, d MMMM, HH:mm")),
        until=until,
        time=date_text(begins, N_("HH:mm")),
    )
