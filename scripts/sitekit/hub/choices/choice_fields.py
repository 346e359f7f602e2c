"""Define the fields in which users choose values of a tier, such as memory and time.

Each field reads what a user types, and refuses values that the tier does not offer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ...base.language import english
from ...base.language import gettext as _
from ...base.language import later as N_
from ...site import Site
from ...site.checks.images_of_tiers import images_of
from ...site.sections.tier import Tier
from ...site.types.memory_and_time import (
    format_memory,
    format_time,
    human_memory,
    human_time,
    parse_memory,
    parse_time,
)
from ..ledger.drained_places import Drains
from .parse_sizes_and_times import as_typed


class BadChoice(ValueError):
    """Report that the site does not offer these options.

    The exception's text names the options that the site offers. `errors` holds one text for each
    field whose value is refused, by the key of the field.
    """

    def __init__(self, text: str, errors: Mapping[str, str] | None = None) -> None:
        super().__init__(text)
        self.errors = dict(errors or {})


@dataclass(frozen=True)
class Eligibility:
    """Hold the names that decide which tiers and values a user may choose: the user's Unix groups,
    Slurm accounts, open reservations and courses, and the drained nodes and partitions.

    A value is None if the directory of accounts, or Slurm, does not answer.
    """

    groups: frozenset[str] | None = frozenset()
    accounts: tuple[str, ...] | None = None
    reservations: tuple[str, ...] | None = None
    courses: tuple[Tier, ...] = ()
    drains: Drains = field(default_factory=Drains)


ANYBODY = Eligibility()
"""The eligibility of a user without groups, accounts and courses."""


@dataclass(frozen=True)
class Field:
    """Describe one field that a tier lets users choose.

    `read` converts the typed text to a value, or raises BadChoice. `write` returns a value as text
    to store, and `spell` returns the value as text for people. `words` are the values to choose
    from, and `titles` are the texts that the form shows for some of these values. For a number
    within the `bounds`, `kind` is `memory`, `time` or `count`.
    """

    label: str
    hint: str
    read: Callable[[object], Any]
    write: Callable[[Any], str] = str
    spell: Callable[[Any], str] = str
    words: tuple[str, ...] = ()
    start: str = ""
    titles: Mapping[str, str] = field(default_factory=dict)
    kind: str = ""
    bounds: tuple[int, int] = (0, 0)

    def shown(self, text: str) -> str:
        """Return a stored value as text for people. A value that the tier no longer offers is
        returned unchanged."""
        if not self.kind:
            return text
        try:
            return self.spell(self.read(text))
        except BadChoice:
            return text


def spell_memory(mib: int) -> str:
    """Convert MiB to an exact text that people and the form can read: 2048 -> `2 GB`."""
    return human_memory(mib) if mib < 1024 or mib % 512 == 0 else f"{mib} MB"


def spell_time(seconds: int) -> str:
    """Convert seconds to an exact text that people and the form can read: 5400 -> `90 minutes`."""
    return format_time(seconds) if seconds % 60 else human_time(seconds, english)


def spell_count(count: int) -> str:
    """Return a whole number as text."""
    return str(count)


def fields_of(site: Site, tier: Tier, eligibility: Eligibility) -> dict[str, Field]:
    """Return the fields that `tier` offers to a user with this eligibility.

    If the site has several interfaces (such as JupyterLab), the user also chooses the interface. If
    the tier has images, the user also chooses the image.
    """
    choose, fields = tier.choose, {}
    if len(site.server.interfaces) > 1:
        fields["interface"] = _named(
            N_("Interface"), {title: title for title in site.server.interfaces}
        )
    if tier.images:
        titles = images_of(site, tier)
        fields["image"] = _named(N_("Image"), {key: titles[key] for key in tier.images})
    if choose.memory:
        read_memory = as_typed(parse_memory, ("M", "G"), choose.memory)
        memory = _bounded(N_("Memory"), "memory", choose.memory, read_memory, spell_memory)
        fields["memory"] = replace(memory, write=format_memory, start=format_memory(tier.memory))
    if choose.time:
        read_time = as_typed(parse_time, ("m", "h"), choose.time)
        time = _bounded(N_("Time"), "time", choose.time, read_time, spell_time)
        fields["time"] = replace(time, write=format_time, start=format_time(tier.time))
    for key, label in COUNTS.items():
        if bounds := getattr(choose, key):
            count = _bounded(label, "count", bounds, _whole, spell_count)
            fields[key] = replace(count, start=str(getattr(tier, key)))
    return fields | _names_of(tier, eligibility)


def _names_of(tier: Tier, eligibility: Eligibility) -> dict[str, Field]:
    """Return the fields in which a user chooses a Slurm account, reservation or similar name."""
    choose, fields = tier.choose, {}
    left = eligibility.drains.left(tier.partitions)
    if choose.partitions and len(left) > 1:
        fields["partitions"] = _partition(left)
    if choose.qos:
        fields["qos"] = _one_of(N_("QoS"), choose.qos, tier.qos)
    if choose.constraint:
        fields["constraint"] = _one_of(N_("Feature"), choose.constraint, tier.constraint)
    if choose.account:
        fields["account"] = _one_of(N_("Account"), eligibility.accounts, tier.account)
    if choose.reservation:
        fields["reservation"] = _one_of(
            N_("Reservation"), eligibility.reservations, tier.reservation
        )
    return fields


COUNTS = {
    "cpus": N_("CPUs"),
    "nodes": N_("Nodes"),
    "tasks": N_("Tasks per node"),
    "gpus": N_("GPUs"),
}
"""The whole numbers that users may choose, each with its label."""


def _bounded(
    label: str,
    kind: str,
    bounds: tuple[int, int],
    parse: Callable[[object], int],
    spell: Callable[[int], str],
) -> Field:
    """Return a form field for a number within the bounds that the tier sets."""
    hint = _("{low} to {high}", low=spell(bounds[0]), high=spell(bounds[1]))

    def read(value: object) -> int:
        try:
            number = parse(value)
        except ValueError:
            number = -1
        if not bounds[0] <= number <= bounds[1]:
            raise BadChoice(
                _(
                    "{field}: {value} is not within {bounds}",
                    field=_in_sentence(label),
                    value=shown_briefly(value),
                    bounds=hint,
                )
            )
        return number

    return Field(label, hint, read, spell=spell, kind=kind, bounds=bounds)


def _one_of(label: str, words: tuple[str, ...] | None, start: str | None) -> Field:
    """Return a field in which the user selects one of the names that Slurm allows, or no name."""

    def read(value: object) -> str:
        if words is None:
            raise BadChoice(
                _(
                    "{field}: your names cannot be looked up now, because Slurm does not answer",
                    field=_in_sentence(label),
                )
            )
        if value == "" or value in words:
            return str(value)
        raise BadChoice(
            _(
                "{field}: {value} is not one of yours: {names}",
                field=_in_sentence(label),
                value=shown_briefly(value),
                names=", ".join(words) or _("you have none"),
            )
        )

    return Field(label, "", read, words=("", *(words or ())), start=start or "")


def _partition(partitions: tuple[str, ...]) -> Field:
    """Return a field in which the user chooses one of the tier's partitions, or all partitions."""
    one = _one_of(N_("Partition"), partitions, None)

    def read(value: object) -> tuple[str, ...]:
        name = one.read(value)
        return (name,) if name else partitions

    def write(chosen: Sequence[str]) -> str:
        return chosen[0] if len(chosen) == 1 else ""

    return replace(one, read=read, write=write)


def _named(label: str, titles: Mapping[str, str]) -> Field:
    """Return a field in which the user selects one of the given values. The form shows the titles
    of the values."""
    values = tuple(titles)

    def read(value: object) -> str:
        if value not in values:
            raise BadChoice(
                _(
                    "{field}: {value} is not one of: {names}",
                    field=_in_sentence(label),
                    value=shown_briefly(value),
                    names=", ".join(values),
                )
            )
        return str(value)

    return Field(label, "", read, words=values, start=values[0], titles=titles)


def _in_sentence(label: str) -> str:
    """Return a field's label as part of a sentence: `Memory` -> `memory`.

    Translated labels, `CPUs` and `GPUs` are returned unchanged.
    """
    text = _(label)
    return text.lower() if text == label and label != "CPUs" and label != "GPUs" else text


def _whole(value: object) -> int:
    """Convert a text such as "12" to an integer. Raises ValueError if the text is not a whole
    number."""
    if not (str(value).isascii() and str(value).isdigit()):
        raise ValueError(value)
    return int(str(value))


def shown_briefly(value: object) -> str:
    """Return the value as a text that is short enough for a message."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
