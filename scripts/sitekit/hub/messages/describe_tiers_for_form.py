"""Describe each tier for the form: its figures, the expected start of a server, the free GPUs, and
the fields in which users choose values."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from ...backends.fitting_servers import FreeNode, Room, room_for
from ...base.language import gettext as _
from ...base.language import ngettext
from ...site import Site
from ...site.sections.tier import Tier
from ...site.types.memory_and_time import human_memory, human_time
from ..choices.choice_fields import Eligibility, Field, fields_of
from ..choices.form_values import FormValues


@dataclass(frozen=True)
class FieldOfCard:
    """Hold one field of a tier as the form shows this field. `id` is the HTML id and the name of
    the field."""

    id: str
    key: str
    field: Field
    value: str
    error: str

    @property
    def described_by(self) -> str:
        """Return the ids of the texts about the field, for aria-describedby."""
        parts = ["bounds", "effect"] if self.field.kind else []
        return " ".join(f"{self.id}.{part}" for part in [*parts, "error"])


@dataclass(frozen=True)
class TierCard:
    """Hold the values and texts that the form shows about one tier."""

    tier: Tier
    course: bool
    memory: str
    figures: str
    start: str
    waits: bool
    ends_after: int
    idle: str
    gpus: str
    free: str
    fields: tuple[FieldOfCard, ...]


def card_of(
    site: Site,
    tier: Tier,
    eligibility: Eligibility,
    minutes: int | None,
    nodes: Collection[FreeNode] | None,
    typed: FormValues | None,
    last: Mapping[str, str],
) -> TierCard:
    """Return the values and texts that the form shows about a tier.

    `minutes` is the number of minutes until a server of the tier would start. The argument `nodes`
    contains the free CPUs, memory and GPUs of each node. The arguments `minutes` and `nodes` are
    None if the backend has not reported them. The fields show the values that the user has `typed`
    for this tier. Without typed values, the fields show the user's `last` choice of this tier, or
    else the tier's own values.
    """
    room = None if nodes is None else _room(tier, eligibility, nodes)
    fields = fields_of(site, tier, eligibility)
    stored = last if last.get("profile") == tier.key else {}
    values = {key: one.shown(stored.get(key, one.start)) for key, one in fields.items()}
    errors: dict[str, str] = {}
    if typed and typed.values.get("profile") == tier.key:
        values |= typed.values
        errors = typed.errors
    return TierCard(
        tier=tier,
        course=tier in eligibility.courses,
        memory=_("{cap} of memory", cap=human_memory(tier.cap)),
        figures=_figures(tier, changeable=any(one.kind for one in fields.values())),
        start=_start(tier, minutes, room),
        waits=bool(minutes) or (minutes is None and room is not None and not room.servers),
        ends_after=tier.time + 60 * (minutes or 0),
        idle=(
            _("It is not stopped when nobody uses it.")
            if tier.idle is None
            else _("It is stopped after {time} without activity.", time=human_time(tier.idle))
        ),
        gpus=_gpus(tier, room),
        free=json.dumps(room.nodes) if room else "",
        fields=tuple(
            FieldOfCard(
                f"{tier.key}.{key}",
                key,
                one,
                values[key],
                errors.get(key, "")[:1].upper() + errors.get(key, "")[1:],
            )
            for key, one in fields.items()
        ),
    )


def _figures(tier: Tier, *, changeable: bool) -> str:
    """Return the guaranteed memory, CPUs, GPUs and the time of a tier."""
    parts = []
    if tier.cap > tier.memory:
        parts.append(_("{memory} of it guaranteed", memory=human_memory(tier.memory)))
    parts.append(ngettext("1 CPU", "{count} CPUs", tier.cpus * tier.tasks))
    if tier.gpus and tier.gpu_type:
        parts.append(ngettext("1 {kind} GPU", "{count} {kind} GPUs", tier.gpus, kind=tier.gpu_type))
    elif tier.gpus:
        parts.append(ngettext("1 GPU", "{count} GPUs", tier.gpus))
    if tier.exclusive:
        parts.append(_("no other jobs on the node"))
    if tier.nodes > 1:
        parts[-1] = _("{part} on each of {count} nodes", part=parts[-1], count=tier.nodes)
    parts.append(_("for {time}", time=human_time(tier.time)))
    return ", ".join([*parts, _("unless you change it")] if changeable else parts)


def _room(tier: Tier, eligibility: Eligibility, nodes: Collection[FreeNode]) -> Room:
    """Return how many servers of a tier can start on the nodes now. Drained nodes and partitions
    are not counted."""
    drains = eligibility.drains
    usable = [node for node in nodes if node.name not in drains.nodes]
    return room_for(tier, drains.left(tier.partitions), usable)


def _start(tier: Tier, minutes: int | None, room: Room | None) -> str:
    """Return a sentence about when a server of the tier would start."""
    if minutes == 0:
        return _("Would start now.")
    if minutes is not None:
        return _("Would start in about {time}.", time=_span(minutes))
    if room is None:
        return _("When it would start is not known now; the next page says why it waits.")
    if not room.servers:
        return _("No node has this free now, so it would wait.")
    return ngettext(
        "The nodes have room for 1 server of this size now.",
        "The nodes have room for {count} servers of this size now.",
        room.servers,
    )


def _span(minutes: int) -> str:
    """Return a number of minutes as text: 135 -> `2 h 15 min`."""
    hours, rest = divmod(minutes, 60)
    if hours >= 48:
        return ngettext("1 day", "{count} days", hours // 24)
    return f"{hours} h {rest} min" if hours and rest else f"{hours} h" if hours else f"{rest} min"


def _gpus(tier: Tier, room: Room | None) -> str:
    """Return how many of the tier's GPUs are free; "" for a tier without GPUs."""
    if not (tier.gpus or (tier.choose.gpus and tier.choose.gpus[1])):
        return ""
    kind = f" ({tier.gpu_type})" if tier.gpu_type else ""
    if room is None:
        return _("GPUs{kind}: how many are free is not known now.", kind=kind)
    return _("GPUs{kind}: {free} of {all} free.", kind=kind, free=room.free_gpus, all=room.all_gpus)
