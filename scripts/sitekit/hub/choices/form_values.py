"""Convert a submitted form, or the query of a URL, to options of a server. Convert an earlier
choice to values of the form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from ...site import Site
from .check_choice import BadChoice, Eligibility, fields_of, read_choice, tiers_for
from .choice_fields import COUNTS

NO_OPTIONS = {"_xsrf", "server"}
"""Names of form fields that are not options of a server."""
LINKED = (*("interface", "image", "memory", "time"), *COUNTS, "partitions", "qos", "constraint")
LINKED = (*LINKED, "account", "reservation")
"""The fields that the query of a URL can fill in. Every other name in a query is ignored."""
LONGEST = 100  # characters of a value in a URL; longer values are cut


@dataclass
class FormValues:
    """Hold the values that the form shows instead of the user's last choice.

    `values` holds the typed text of each field, and the tier's key as `profile`. `server` is the
    name that the user typed for a named server. `errors` holds a text for each field whose value is
    refused; a text with the key "" belongs to no field. `linked` is true if the query of a URL
    filled in the form.
    """

    values: dict[str, str] = field(default_factory=dict)
    server: str = ""
    errors: dict[str, str] = field(default_factory=dict)
    linked: bool = False

    def refuse(self, bad: BadChoice) -> None:
        """Store the errors of refused values, for the form."""
        self.errors = bad.errors or {"": str(bad)}


def form_values_of(
    site: Site, choice: Mapping[str, Any] | None, eligibility: Eligibility
) -> dict[str, str]:
    """Convert an earlier choice to values of the form's fields; {} if the tier of this choice is no
    longer offered."""
    tier = next(
        (tier for tier in tiers_for(site, eligibility) if choice and tier.key == choice["tier"]),
        None,
    )
    if choice is None or tier is None:
        return {}
    fields = fields_of(site, tier, eligibility)
    return {
        "profile": tier.key,
        **{key: field.write(choice[key]) for key, field in fields.items() if choice.get(key)},
    }


def from_form(form: Mapping[str, list[Any]]) -> dict[str, Any]:
    """Convert the fields of a submitted form to a server's options.

    In the form, a tier's fields are named `KEY.field`. The fields of other tiers and JupyterHub's
    own fields are omitted.
    """
    flat = {
        key: values[0] if len(values) == 1 else values
        for key, values in form.items()
        if key not in NO_OPTIONS
    }
    own = f"{flat.get('tier', '')}."
    chosen = {
        key.removeprefix(own): value
        for key, value in flat.items()
        if "." not in key or key.startswith(own)
    }
    return {key: value for key, value in chosen.items() if value != ""}


def typed_in(form: Mapping[str, list[Any]]) -> FormValues:
    """Return the values that a user typed into a submitted form."""
    options = from_form(form)
    values = {key: value for key, value in options.items() if isinstance(value, str)}
    server = form.get("server", [""])[0]
    return FormValues(
        {**values, "profile": values.pop("tier", "")}, server if isinstance(server, str) else ""
    )


def in_address(query: Mapping[str, str], site: Site, eligibility: Eligibility) -> FormValues | None:
    """Return the values that the query of a URL fills in; None if the query names no tier.

    The values from the URL are checked in the same way as values of a submitted form. The result
    contains the errors.
    """
    tier = query.get("tier", "")[:LONGEST]
    if not tier:
        return None
    values = {key: query[key][:LONGEST] for key in LINKED if query.get(key)}
    found = FormValues({**values, "profile": tier}, linked=True)
    try:
        read_choice(site, {**values, "tier": tier}, eligibility)
    except BadChoice as bad:
        found.refuse(bad)
    return found


def as_query(stored: Mapping[str, str], **more: str) -> str:
    """Return stored options as the query of a URL that fills in the form."""
    tier = {"tier": stored.get("profile", "")}
    rest = {key: value for key, value in stored.items() if key in LINKED and value}
    return urlencode({**tier, **rest, **{key: value for key, value in more.items() if value}})
