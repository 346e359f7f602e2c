"""Render the form on which users choose a tier, with the card of the last server."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from jinja2 import Environment, FileSystemLoader, Template

from ...backends.fitting_servers import FreeNode
from ...base.data_files import data
from ...base.language import Translated
from ...site.sections.tier import Tier
from ..choices.check_choice import Eligibility, allowed_tiers, tiers_for
from ..choices.form_values import FormValues, as_query
from ..servers.shared_objects import HubState
from .describe_tiers_for_form import TierCard, card_of
from .format_times import format_clock_time
from .script_and_style_urls import page_file, page_texts


@cache
def template() -> Template:
    """Load the template of the form."""
    environment = Environment(
        loader=FileSystemLoader(data("config/templates")), autoescape=True, extensions=[Translated]
    )
    environment.globals |= {"page_file": page_file, "page_texts": page_texts}
    return environment.get_template("tiers.html")


@dataclass(frozen=True)
class Visit:
    """Describe for whom the form is rendered, and for which server.

    `own` is true if the user, and not an administrator, looks at the form. `since` is the time at
    which JupyterHub created its record of the user, in seconds since the epoch. `names` are the
    user's named servers, which the form offers if `may_name` is true. `after` is the URL that the
    browser opens when the server runs. `base_url` is the path of the hub's URLs. `nodes` contains,
    for each backend, the free resources of the nodes.
    """

    user: str
    server: str = ""
    own: bool = True
    since: float = 0.0
    names: tuple[str, ...] = ()
    may_name: bool = False
    after: str = ""
    base_url: str = "/hub/"
    nodes: Mapping[str, Collection[FreeNode] | None] = field(default_factory=dict)


def tier_form(
    hub_state: HubState,
    visit: Visit,
    eligibility: Eligibility,
    typed: FormValues | None,
    last: Mapping[str, str],
) -> str:
    """Render the form's fields as HTML. The form shows the `typed` values or, without typed values,
    the values of the user's `last` choice."""
    tiers = tiers_for(hub_state.site, eligibility)
    keys = [tier.key for tier in tiers]
    chosen = (typed.values if typed else last).get("profile", "")
    if chosen not in keys:
        chosen = keys[0] if keys else ""
    errors = typed.errors if typed else {}
    cards = [
        card_of(
            hub_state.site,
            tier,
            eligibility,
            minutes_until_start(hub_state, tier),
            visit.nodes.get(tier.runs_on),
            typed,
            last,
        )
        for tier in tiers
    ]
    return template().render(
        cards=cards,
        chosen=chosen,
        errors=_summary(errors, next((one for one in cards if one.tier.key == chosen), None)),
        typed=typed or FormValues(),
        saved=_saved(hub_state, visit),
        drained=[
            (tier.title, reason)
            for tier in allowed_tiers(hub_state.site, eligibility)
            if (reason := eligibility.drains.reason(tier))
        ],
        card=hub_state.ledger.last_card(visit.user, visit.server),
        sitekit_clock=format_clock_time,
        visit=visit,
        server_name=visit.server,
        base_url=visit.base_url,
        outage=hub_state.outage,
        unknown=eligibility.groups is None
        and (
            any(tier.requires.group for tier in hub_state.site.tiers)
            or hub_state.courses.open_by_group()
        ),
        taught=[
            course
            for course in hub_state.courses.all().values()
            if course.is_instructor(visit.user)
        ],
    )


def _saved(hub_state: HubState, visit: Visit) -> list[dict[str, str]] | None:
    """Return the names of the user's saved choices, each with the query that fills in the form.

    Returns None for an administrator, who cannot see the saved choices of users.
    """
    if not visit.own:
        return None
    more = {"next": visit.after}
    return [
        {"name": one.name, "query": as_query(one.options, **more)}
        for one in hub_state.ledger.saved_choices(visit.user, visit.since)
    ]


def _summary(errors: Mapping[str, str], card: TierCard | None) -> list[dict[str, Any]]:
    """Return the errors for the list above the form. An error that belongs to a field has the id of
    this field."""
    fields = {one.key: one.id for one in card.fields} if card else {}
    fields["server"] = "sitekit-server"
    return [
        {"id": fields.get(key, ""), "text": text[:1].upper() + text[1:]}
        for key, text in errors.items()
    ]


def minutes_until_start(hub_state: HubState, tier: Tier) -> int | None:
    """Return in how many minutes a server of the tier would start; None if this is not known.

    The value comes from the backend's last answer, which is at most two minutes old.
    """
    start = hub_state.backends[tier.runs_on].expected_start(tier.key)
    return None if start is None else max(0, round((start - time.time()) / 60))
