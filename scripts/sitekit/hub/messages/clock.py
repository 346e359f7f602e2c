"""Write points in time and lengths of time for the hub's pages."""

from __future__ import annotations

from datetime import datetime

from markupsafe import Markup

TIME = Markup('<time class="sitekit-time" datetime="{}">{}</time>')


def clock(at: float) -> Markup:
    """Return a time as HTML: in the hub's time zone, until a script of the page replaces it by the
    time in the browser's time zone. `at` is in seconds since the epoch.
    """
    moment = datetime.fromtimestamp(at).astimezone()
    return TIME.format(moment.isoformat(timespec="seconds"), f"{moment:%d %B, %H:%M}")


def span(seconds: float) -> str:
    """Return a length of time in its two largest units: 12000 -> `3 hours 20 minutes`."""
    minutes = max(0, int(seconds // 60))
    counts = (("day", minutes // 1440), ("hour", minutes // 60 % 24), ("minute", minutes % 60))
    parts = [f"{count} {word}{'' if count == 1 else 's'}" for word, count in counts if count]
    return " ".join(parts[:2]) or "less than a minute"
