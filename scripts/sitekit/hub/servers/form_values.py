"""Convert a submitted form to options of a server, and an earlier choice to the form's values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...site import Site
from .check_choice import Eligibility, fields_of, tiers_for


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
    """Return a submitted form as options.

    In the form, a tier's fields are named `KEY.field`. The fields of other tiers and JupyterHub's
    own fields are left out.
    """
    flat = {
        key: values[0] if len(values) == 1 else values
        for key, values in form.items()
        if key != "_xsrf"
    }
    own = f"{flat.get('tier', '')}."
    chosen = {
        key.removeprefix(own): value
        for key, value in flat.items()
        if "." not in key or key.startswith(own)
    }
    return {key: value for key, value in chosen.items() if value != ""}
