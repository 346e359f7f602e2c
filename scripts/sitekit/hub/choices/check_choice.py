"""Check on the hub the tier and the resources that a user has chosen.

A submitted form, a REST request and a URL with a query all pass this one check. The gate (the
program that submits the job) gets only values that were checked and stored in a Choice. The hub
refuses an unknown value, and does not use a default tier instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ...backends.resource_choice import Choice
from ...base.language import gettext as _
from ...site import Site
from ...site.sections.tier import Tier
from .choice_fields import ANYBODY, BadChoice, Eligibility, fields_of, shown_briefly

__all__ = ["BadChoice", "Eligibility", "allowed_tiers", "fields_of", "read_choice", "tiers_for"]

MOST_ERRORS = 5  # the highest number of errors that are reported for one request


def tiers_for(site: Site, eligibility: Eligibility) -> list[Tier]:
    """Return the tiers that this user may choose now, without drained tiers."""
    drained = eligibility.drains.reason
    return [tier for tier in allowed_tiers(site, eligibility) if not drained(tier)]


def allowed_tiers(site: Site, eligibility: Eligibility) -> list[Tier]:
    """Return the tiers that the user may choose: first the tiers of courses, then the site's tiers
    in the order of site.yml."""
    return [*eligibility.courses, *(tier for tier in site.tiers if _may(tier, eligibility))]


def _may(tier: Tier, eligibility: Eligibility) -> bool:
    """Return whether the user meets the tier's requirements."""
    group, account = tier.requires.group, tier.requires.account
    return (group is None or group in (eligibility.groups or ())) and (
        account is None or account in (eligibility.accounts or ())
    )


def read_choice(
    site: Site, options: object, eligibility: Eligibility = ANYBODY
) -> tuple[Choice, dict[str, str]]:
    """Check the options of a start. Return the checked resources as a Choice, and the options that
    the hub stores. Raises BadChoice if the site does not offer the options to this user.

    The key `tier` names the tier. wrapspawner's key `profile` means the same. The other keys are
    fields that the tier lets users choose.
    """
    tier, given = _read_tier(site, options, eligibility)
    fields = fields_of(site, tier, eligibility)
    course = tier.key if tier in eligibility.courses else ""
    first = next(iter(site.server.interfaces))
    choice = replace(Choice.of(tier), interface=first, course=course)
    errors: dict[str, str] = {}
    for key, value in given.items():
        try:
            if key not in fields:
                offer = (
                    _("it lets you choose: {fields}", fields=", ".join(fields))
                    if fields
                    else _("its figures are fixed")
                )
                what = _(
                    "the tier '{tier}' has no option {option}",
                    tier=tier.key,
                    option=shown_briefly(key),
                )
                raise BadChoice(f"{what}; {offer}")
            choice = replace(choice, **{key: fields[key].read(value)})
        except BadChoice as bad:
            errors[key] = str(bad)
            if len(errors) == MOST_ERRORS:
                break
    if errors:
        raise BadChoice("; ".join(errors.values()), errors)
    choice = replace(choice, cap=tier.cap_of(choice.memory))
    return eligibility.drains.apply(choice, tier), {
        "profile": tier.key,
        **{key: fields[key].write(getattr(choice, key)) for key in given},
    }


def _read_tier(
    site: Site, options: object, eligibility: Eligibility
) -> tuple[Tier, dict[str, object]]:
    """Return the tier that the options name, and the other options. Raises BadChoice."""
    tiers = {tier.key: tier for tier in tiers_for(site, eligibility)}
    offered = ", ".join(tiers)
    if not isinstance(options, Mapping):
        raise BadChoice(
            f'the options are not a mapping; send {{"tier": KEY}} with one of: {offered}'
        )
    given = {str(key): value for key, value in options.items()}
    keys = [given.pop(word) for word in ("tier", "profile") if word in given]
    if len(keys) != 1:
        raise BadChoice(
            _("choose a tier: {offered}", offered=offered)
            if not keys
            else "give 'tier' or 'profile', not both"
        )
    key = keys[0]
    if isinstance(key, str) and key in tiers:
        return tiers[key], given
    for tier in allowed_tiers(site, eligibility):
        if tier.key == key:
            reason = eligibility.drains.reason(tier)
            raise BadChoice(_("'{tier}' is not offered now: {reason}", tier=key, reason=reason))
    if eligibility.groups is None and any(
        tier.requires.group for tier in site.tiers if tier.key == key
    ):
        raise BadChoice(
            _(
                "your groups cannot be looked up now, because the directory of accounts does not "
                "answer"
            )
        )
    raise BadChoice(
        _(
            "there is no tier {tier} for you; choose one of: {offered}",
            tier=shown_briefly(key),
            offered=offered,
        )
    )
