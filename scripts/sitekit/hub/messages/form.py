"""Render the form on which users choose a tier, with the card of the last server."""

from __future__ import annotations

import time
from functools import cache

from jinja2 import Environment, FileSystemLoader, Template

from ...base.data_files import data
from ...base.language import Translated
from ...site.tier import Tier
from ..servers.check_choice import Eligibility, allowed_tiers, fields_of, tiers_for
from ..servers.hub_state import HubState
from .clock import clock


@cache
def template() -> Template:
    """Load the template of the form."""
    return Environment(
        loader=FileSystemLoader(data("config/templates")), autoescape=True, extensions=[Translated]
    ).get_template("tiers.html")


def tier_form(
    hub_state: HubState,
    user: str,
    name: str,
    eligibility: Eligibility,
    asked: str,
    last: dict[str, str],
) -> str:
    """Render the form's fields as HTML. The tier `asked` is preselected. Without `asked`, the tier
    of the user's `last` choice is preselected.
    """
    tiers = tiers_for(hub_state.site, eligibility)
    keys = [tier.key for tier in tiers]
    chosen = next(
        (key for key in (asked, last.get("profile", "")) if key in keys), keys[0] if keys else ""
    )
    return template().render(
        tiers=[(tier, fields_of(hub_state.site, tier, eligibility)) for tier in tiers],
        drained=[
            (tier.title, reason)
            for tier in allowed_tiers(hub_state.site, eligibility)
            if (reason := eligibility.drains.reason(tier))
        ],
        starts={tier.key: minutes_until_start(hub_state, tier) for tier in tiers},
        chosen=chosen,
        last=last,
        card=hub_state.ledger.last_card(user, name),
        sitekit_clock=clock,
        server_name=name,
        outage=hub_state.outage,
        unknown=eligibility.groups is None
        and (
            any(tier.requires.group for tier in hub_state.site.tiers)
            or hub_state.courses.open_by_group()
        ),
        courses={tier.key for tier in eligibility.courses},
        taught=[
            course for course in hub_state.courses.all().values() if course.is_instructor(user)
        ],
    )


def minutes_until_start(hub_state: HubState, tier: Tier) -> int | None:
    """Return in how many minutes a server of the tier would start; None if this is not known.

    The answer is the backend's last one, which is not older than two minutes.
    """
    start = hub_state.backends[tier.runs_on].expected_start(tier.key)
    return None if start is None else max(0, round((start - time.time()) / 60))
