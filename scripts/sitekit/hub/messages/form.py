"""The form: the tiers, what each gives, and what became of the last server."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, FileSystemLoader, Template

from ...base.data import data
from ..servers.choices import Standing, fields_of, tiers_for
from ..servers.hub_state import Life


@cache
def template() -> Template:
    return Environment(
        loader=FileSystemLoader(data("config/templates")), autoescape=True
    ).get_template("tiers.html")


def tier_form(
    life: Life, user: str, name: str, standing: Standing, asked: str, last: dict[str, str]
) -> str:
    """The fields of the form as HTML; `asked`, or the tier of the `last` choice, is chosen
    beforehand."""
    tiers = tiers_for(life.site, standing)
    keys = [tier.key for tier in tiers]
    chosen = next(
        (key for key in (asked, last.get("profile", "")) if key in keys), keys[0] if keys else ""
    )
    return template().render(
        tiers=[(tier, fields_of(life.site, tier, standing)) for tier in tiers],
        chosen=chosen,
        last=last,
        card=life.ledger.last_card(user, name),
        server_name=name,
        outage=life.outage,
        unknown=standing.groups is None and any(tier.requires.group for tier in life.site.tiers),
    )
