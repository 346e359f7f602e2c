"""One thing that is not as the site needs it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """`where` is a key of site.yml, or a file. One that `refuses` would be met by users: nothing is
    changed then."""

    what: str
    where: str | None = None
    remedy: str | None = None
    refuses: bool = True


def unknown(what: str, remedy: str | None = None) -> Finding:
    """What could not be found out from here. It refuses nothing."""
    return Finding(what, None, remedy, refuses=False)
