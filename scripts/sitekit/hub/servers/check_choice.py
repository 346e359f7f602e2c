"""Check on the hub the tier and the resources that a user has chosen.

The same check applies to a form, to a REST request, and to a URL with a query. Only the fields of a
Choice reach the gate. An unknown value is refused: no default tier is used instead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ...backends.resource_choice import Choice
from ...site import Site
from ...site.images import images_of
from ...site.memory_and_time import format_memory, format_time, parse_memory, parse_time
from ...site.tier import Tier
from .drained_places import Drains
from .typed_values import as_typed


class BadChoice(ValueError):
    """Report that the site does not offer these options.

    The exception's text names the options that the site offers.
    """


@dataclass(frozen=True)
class Eligibility:
    """A user's Unix groups, Slurm accounts, open reservations and courses, and the drained nodes
    and partitions.

    A value is None if the directory of accounts, or Slurm, does not answer.
    """

    groups: frozenset[str] | None = frozenset()
    accounts: tuple[str, ...] | None = None
    reservations: tuple[str, ...] | None = None
    courses: tuple[Tier, ...] = ()
    drains: Drains = field(default_factory=Drains)


def tiers_for(site: Site, eligibility: Eligibility) -> list[Tier]:
    """Return the tiers that this user may choose now, without those that are drained."""
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
    site: Site, options: object, eligibility: Eligibility = Eligibility()
) -> tuple[Choice, dict[str, str]]:
    """Convert the options to a Choice; return it and the options to store. Raises BadChoice.

    The key `tier` names the tier. wrapspawner's key `profile` means the same. The other keys are
    fields that the tier lets users choose.
    """
    tier, given = _read_tier(site, options, eligibility)
    fields = fields_of(site, tier, eligibility)
    course = tier.key if tier in eligibility.courses else ""
    first = next(iter(site.server.interfaces))
    choice = replace(Choice.of(tier), interface=first, course=course)
    for key, value in given.items():
        if key not in fields:
            offer = "its figures are fixed"
            if fields:
                offer = f"it lets you choose: {', '.join(fields)}"
            raise BadChoice(f"the tier '{tier.key}' has no option {_shown(key)}; {offer}")
        choice = replace(choice, **{key: fields[key].read(value)})
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
            f"choose a tier: {offered}" if not keys else "give 'tier' or 'profile', not both"
        )
    key = keys[0]
    if isinstance(key, str) and key in tiers:
        return tiers[key], given
    for tier in allowed_tiers(site, eligibility):
        if tier.key == key:
            raise BadChoice(f"'{key}' is not offered now: {eligibility.drains.reason(tier)}")
    if eligibility.groups is None and any(
        tier.requires.group for tier in site.tiers if tier.key == key
    ):
        raise BadChoice(
            "your groups cannot be looked up now, because the directory of accounts does not answer"
        )
    raise BadChoice(f"there is no tier {_shown(key)} for you; choose one of: {offered}")


@dataclass(frozen=True)
class Field:
    """Describe one field that a tier lets users choose.

    `read` converts the typed text to a value, or raises BadChoice. `write` returns a value as text
    for the form. `titles` are the texts that the form shows for some of the `words`.
    """

    label: str
    hint: str
    read: Callable[[object], Any]
    write: Callable[[Any], str] = str
    words: tuple[str, ...] = ()
    start: str = ""
    titles: Mapping[str, str] = field(default_factory=dict)


def fields_of(site: Site, tier: Tier, eligibility: Eligibility) -> dict[str, Field]:
    """Return the fields that `tier` offers to a user with this eligibility.

    If the site has several interfaces (such as JupyterLab), the user also chooses the interface. If
    the tier has images, the user also chooses the image.
    """
    choose, fields = tier.choose, {}
    if len(site.server.interfaces) > 1:
        fields["interface"] = _named(
            "Interface", {title: title for title in site.server.interfaces}
        )
    if tier.images:
        titles = images_of(site, tier)
        fields["image"] = _named("Image", {key: titles[key] for key in tier.images})
    if choose.memory:
        read_memory = as_typed(parse_memory, ("M", "G"), choose.memory)
        fields["memory"] = _bounded(
            "Memory", choose.memory, read_memory, format_memory, tier.memory
        )
    if choose.time:
        read_time = as_typed(parse_time, ("m", "h"), choose.time)
        fields["time"] = _bounded("Time", choose.time, read_time, format_time, tier.time)
    for key, label in COUNTS.items():
        if bounds := getattr(choose, key):
            fields[key] = _bounded(label, bounds, _whole, str, getattr(tier, key))
    return fields | _names_of(tier, eligibility)


def _names_of(tier: Tier, eligibility: Eligibility) -> dict[str, Field]:
    """Return the fields in which a user chooses a Slurm account, reservation or similar name."""
    choose, fields = tier.choose, {}
    left = eligibility.drains.left(tier.partitions)
    if choose.partitions and len(left) > 1:
        fields["partitions"] = _partition(left)
    if choose.qos:
        fields["qos"] = _one_of("QoS", choose.qos, tier.qos)
    if choose.constraint:
        fields["constraint"] = _one_of("Feature", choose.constraint, tier.constraint)
    if choose.account:
        fields["account"] = _one_of("Account", eligibility.accounts, tier.account)
    if choose.reservation:
        fields["reservation"] = _one_of("Reservation", eligibility.reservations, tier.reservation)
    return fields


COUNTS = {"cpus": "CPUs", "nodes": "Nodes", "tasks": "Tasks per node", "gpus": "GPUs"}
"""The whole numbers that users may choose, each with its label."""


def _bounded(
    label: str,
    bounds: tuple[int, int],
    parse: Callable[[object], int],
    write: Callable[[int], str],
    start: int,
) -> Field:
    """Return a form field for a number within the bounds that the tier sets."""
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
    """Return a field whose values are the names that Slurm allows the user, and no name."""

    def read(value: object) -> str:
        if words is None:
            raise BadChoice(
                f"{label.lower()}: your names cannot be looked up now, because Slurm does not answer"
            )
        if value == "" or value in words:
            return str(value)
        raise BadChoice(
            f"{label.lower()}: {_shown(value)} is not one of yours: {', '.join(words) or 'you have none'}"
        )

    return Field(label, "", read, words=("", *(words or ())), start=start or "")


def _partition(partitions: tuple[str, ...]) -> Field:
    """Return a field in which the user chooses one of the tier's partitions, or all of them."""
    one = _one_of("Partition", partitions, None)

    def read(value: object) -> tuple[str, ...]:
        name = one.read(value)
        return (name,) if name else partitions

    def write(chosen: Sequence[str]) -> str:
        return chosen[0] if len(chosen) == 1 else ""

    return replace(one, read=read, write=write)


def _named(label: str, titles: Mapping[str, str]) -> Field:
    """Return a field for which the user selects one of the given values; the form shows the titles
    of the values."""
    values = tuple(titles)

    def read(value: object) -> str:
        if value not in values:
            raise BadChoice(f"{label.lower()}: {_shown(value)} is not one of: {', '.join(values)}")
        return str(value)

    return Field(label, "", read, words=values, start=values[0], titles=titles)


def _whole(value: object) -> int:
    """Return the whole number in a text. Raises ValueError."""
    if not (str(value).isascii() and str(value).isdigit()):
        raise ValueError(value)
    return int(str(value))


def _shown(value: object) -> str:
    """Return the value as a text that is short enough for a message."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
