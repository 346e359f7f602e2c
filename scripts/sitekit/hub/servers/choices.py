"""What a user may ask for, checked on the server whichever way it came: form, REST body or address.

Only the fields of a Choice reach the gate. Nothing falls back to a default tier: what is not
understood is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ...backends.choice import Choice
from ...site import Site
from ...site.tier import Tier
from ...site.units import format_memory, format_time, parse_memory, parse_time
from .typed_values import as_typed


class BadChoice(ValueError):
    """The options are not ones that this site offers; the text says which would be."""


@dataclass(frozen=True)
class Standing:
    """What a user is to the system: Unix groups, Slurm accounts, open reservations; None where the
    directory, or Slurm, is silent."""

    groups: frozenset[str] | None = frozenset()
    accounts: tuple[str, ...] | None = None
    reservations: tuple[str, ...] | None = None


def tiers_for(site: Site, standing: Standing) -> list[Tier]:
    """The tiers that this user may have, in the site's order."""
    return [tier for tier in site.tiers if _may(tier, standing)]


def _may(tier: Tier, standing: Standing) -> bool:
    group, account = tier.requires.group, tier.requires.account
    return (group is None or group in (standing.groups or ())) and (
        account is None or account in (standing.accounts or ())
    )


def read_choice(
    site: Site, options: object, standing: Standing = Standing()
) -> tuple[Choice, dict[str, str]]:
    """User options -> the Choice, and the options as they are remembered. Raises BadChoice.

    `tier` names the tier; so does `profile`, wrapspawner's word. Beside it stand the fields that
    the tier offers.
    """
    tiers = {tier.key: tier for tier in tiers_for(site, standing)}
    offered = ", ".join(tiers)
    if not isinstance(options, Mapping):
        raise BadChoice(
            f'the options are not a mapping; send {{"tier": KEY}} with one of: {offered}'
        )
    given = {str(key): value for key, value in options.items()}
    keys = [given.pop(word) for word in ("tier", "profile") if word in given]
    if len(keys) != 1:
        raise BadChoice(
            f"choose a tier: {offered}" if not keys else "say 'tier' or 'profile', not both"
        )
    if not isinstance(keys[0], str) or keys[0] not in tiers:
        if standing.groups is None and any(
            tier.requires.group for tier in site.tiers if tier.key == keys[0]
        ):
            raise BadChoice(
                "the directory of accounts does not answer, so that nobody can say which groups are yours"
            )
        raise BadChoice(f"there is no tier {_shown(keys[0])} for you; choose one of: {offered}")
    tier = tiers[keys[0]]
    fields = fields_of(site, tier, standing)
    choice = replace(Choice.of(tier), interface=next(iter(site.server.interfaces)))
    for key, value in given.items():
        if key not in fields:
            known = (
                f"it lets you choose: {', '.join(fields)}" if fields else "its figures are fixed"
            )
            raise BadChoice(f"the tier '{tier.key}' has no option {_shown(key)}; {known}")
        choice = replace(choice, **{key: fields[key].read(value)})
    choice = replace(choice, cap=tier.cap_of(choice.memory))
    return choice, {
        "profile": tier.key,
        **{key: fields[key].write(getattr(choice, key)) for key in given},
    }


def remembered(site: Site, choice: Mapping[str, Any] | None, standing: Standing) -> dict[str, str]:
    """An earlier choice, as the ledger has it, in the words of the form; nothing if its tier is no
    longer offered."""
    tier = next(
        (tier for tier in tiers_for(site, standing) if choice and tier.key == choice["tier"]), None
    )
    if choice is None or tier is None:
        return {}
    fields = fields_of(site, tier, standing)
    return {
        "profile": tier.key,
        **{key: field.write(choice[key]) for key, field in fields.items() if choice.get(key)},
    }


@dataclass(frozen=True)
class Field:
    """One thing that a tier lets users choose: how the form shows it, how a value is read (or
    refused) and written."""

    label: str
    hint: str
    read: Callable[[object], Any]
    write: Callable[[Any], str] = str
    words: tuple[str, ...] = ()
    start: str = ""


def fields_of(site: Site, tier: Tier, standing: Standing) -> dict[str, Field]:
    """The fields that `tier` offers to a user of this standing; and the interface, where the site
    has several."""
    choose, fields = tier.choose, {}
    if len(site.server.interfaces) > 1:
        fields["interface"] = _titled("Interface", tuple(site.server.interfaces))
    if choose.memory:
        read_memory = as_typed(parse_memory, ("M", "G"), choose.memory)
        fields["memory"] = _bounded(
            "Memory", choose.memory, read_memory, format_memory, tier.memory
        )
    if choose.cpus:
        fields["cpus"] = _bounded("CPUs", choose.cpus, _whole, str, tier.cpus)
    if choose.time:
        read_time = as_typed(parse_time, ("m", "h"), choose.time)
        fields["time"] = _bounded("Time", choose.time, read_time, format_time, tier.time)
    if choose.gpus:
        fields["gpus"] = _bounded("GPUs", choose.gpus, _whole, str, tier.gpus)
    if choose.constraint:
        fields["constraint"] = _one_of("Feature", choose.constraint, tier.constraint)
    if choose.account:
        fields["account"] = _one_of("Account", standing.accounts, tier.account)
    if choose.reservation:
        fields["reservation"] = _one_of("Reservation", standing.reservations, tier.reservation)
    return fields


def _bounded(
    label: str,
    bounds: tuple[int, int],
    parse: Callable[[object], int],
    write: Callable[[int], str],
    start: int,
) -> Field:
    hint = f"{write(bounds[0])} to {write(bounds[1])}"

    def read(value: object) -> int:
        try:
            number = parse(value)
        except ValueError:
            number = -1
        if not bounds[0] <= number <= bounds[1]:
            raise BadChoice(
                f"{label.lower() if label.istitle() else label}: {_shown(value)} is not within {hint}"
            )
        return number

    return Field(label, hint, read, write, start=write(start))


def _one_of(label: str, words: tuple[str, ...] | None, start: str | None) -> Field:
    def read(value: object) -> str:
        if words is None:
            raise BadChoice(
                f"{label.lower()}: Slurm does not answer, so that nobody can say which are yours"
            )
        if value == "" or value in words:
            return str(value)
        raise BadChoice(
            f"{label.lower()}: {_shown(value)} is not one of yours: {', '.join(words) or 'you have none'}"
        )

    return Field(label, "", read, words=("", *(words or ())), start=start or "")


def _titled(label: str, titles: tuple[str, ...]) -> Field:
    def read(value: object) -> str:
        if value not in titles:
            raise BadChoice(f"{label.lower()}: {_shown(value)} is not one of: {', '.join(titles)}")
        return str(value)

    return Field(label, "", read, words=titles, start=titles[0])


def _whole(value: object) -> int:
    if not (str(value).isascii() and str(value).isdigit()):
        raise ValueError(value)
    return int(str(value))


def from_form(form: Mapping[str, list[Any]]) -> dict[str, Any]:
    """A submitted form as options. A tier's own fields are named `KEY.field`; those of the other
    tiers are left out, and so are JupyterHub's."""
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


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
