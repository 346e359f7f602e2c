"""The form: the tiers, what each gives, and what became of the last server."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, FileSystemLoader, Template

from ..data import data
from .life import Life


@cache
def _template() -> Template:
    return Environment(loader=FileSystemLoader(data("config/templates")), autoescape=True).get_template("tiers.html")


def tier_form(life: Life, user: str, name: str, asked: str) -> str:
    """The fields of the form as HTML; `asked` is the tier that is chosen beforehand, if the site has it."""
    keys = [tier.key for tier in life.site.tiers]
    return _template().render(
        tiers=life.site.tiers,
        chosen=asked if asked in keys else keys[0],
        card=life.ledger.last_card(user, name),
        outage=life.queue.silent_since is not None,
    )
