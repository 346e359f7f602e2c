"""Write times and durations as text for the hub's pages."""

from __future__ import annotations

from datetime import datetime

from markupsafe import Markup

from ...base.language import date_text, ngettext
from ...base.language import gettext as _
from ...base.language import later as N_

TIME = Markup('<time class="sitekit-time" datetime="{}">{}</time>')


def format_clock_time(at: float) -> Markup:
    """Return a time as HTML in the hub's time zone. A script of the page replaces the time in the
    hub's time zone by the time in the browser's time zone. `at` is in seconds since the epoch."""
    moment = datetime.fromtimestamp(at).astimezone()
    return TIME.format(moment.isoformat(timespec="seconds"), date_text(moment, N_("d MMMM, HH:mm")))


def format_duration(seconds: float) -> str:
    """Return a length of time in its two largest units: 12000 -> `3 hours 20 minutes`."""
    minutes = max(0, int(seconds // 60))
    days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
    parts = [
        ngettext("1 day", "{count} days", days) if days else "",
        ngettext("1 hour", "{count} hours", hours) if hours else "",
        ngettext("1 minute", "{count} minutes", rest) if rest else "",
    ]
    return " ".join([part for part in parts if part][:2]) or _("less than a minute")
