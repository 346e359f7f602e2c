"""Name the tier that has enough memory or time for a server that needed more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...base.language import gettext as _
from ...site.sections.tier import Requires, Tier


def larger_tier(
    tiers: tuple[Tier, ...],
    what: str,
    choice: dict[str, Any],
    had: int,
    human: Callable[[int], str],
) -> tuple[str, str]:
    """Return a sentence about the smallest tier that has more memory or time than the server had
    (`had`), and the key of this tier. The key is "" if no tier has enough memory or time.

    The function names only tiers that every user may choose. The function never names the tier of
    the ended server, even if Slurm had reduced the limit of this server.
    """
    larger = [
        tier
        for tier in tiers
        if getattr(tier, what) > had
        and tier.requires == Requires()
        and tier.key != choice.get("tier")
    ]
    best = min(larger, key=lambda tier: getattr(tier, what), default=None)
    if best is None:
        return _("No tier has more memory.") if what == "cap" else _("No tier has more time."), ""
    size = human(getattr(best, what))
    return _('The tier "{tier}" has {size}.', tier=best.title, size=size), best.key
