"""What a user may ask for, checked on the server whichever way it came: form, REST body or address.

Only the fields of a Choice reach the gate. Nothing falls back to a default tier: what is not understood is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ..site import Site
from ..tier import Tier


class BadChoice(ValueError):
    """The options are not ones that this site offers; the text says which would be."""


@dataclass(frozen=True)
class Choice:
    """What one server gets. Memory in MiB, time in seconds."""

    tier: str
    title: str
    partitions: tuple[str, ...]
    memory: int
    cap: int
    cpus: int
    time: int

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "partitions": list(self.partitions)}

    def request(self, tag: str, environment: dict[str, str] | None = None) -> dict[str, Any]:
        """The choice as the gate wants it."""
        return {
            "tag": tag,
            "partitions": ",".join(self.partitions),
            "memory": self.memory,
            "cpus": self.cpus,
            "minutes": -(-self.time // 60),
            "environment": environment or {},
        }

    @classmethod
    def of(cls, tier: Tier) -> Choice:
        return cls(tier.key, tier.title, tier.partitions, tier.memory, tier.cap, tier.cpus, tier.time)


def read_choice(site: Site, options: object) -> Choice:
    """User options -> Choice. `tier` names the tier; so does `profile`, wrapspawner's word. Raises BadChoice."""
    offered = ", ".join(tier.key for tier in site.tiers)
    if not isinstance(options, Mapping):
        raise BadChoice(f'the options are not a mapping; send {{"tier": KEY}} with one of: {offered}')
    given = {str(key): value for key, value in options.items()}
    keys = [given.pop(word) for word in ("tier", "profile") if word in given]
    if len(keys) != 1:
        raise BadChoice(f"choose a tier: {offered}" if not keys else "say 'tier' or 'profile', not both")
    if given:
        raise BadChoice(f"this site has no option {_shown(next(iter(given)))}; a tier decides everything: {offered}")
    try:
        return Choice.of(site.tier(keys[0]))
    except (KeyError, TypeError):
        raise BadChoice(f"there is no tier {_shown(keys[0])}; choose one of: {offered}") from None


def from_form(form: Mapping[str, list[Any]]) -> dict[str, Any]:
    """A submitted form, with its lists of one, as options. Fields of JupyterHub's own are left out."""
    return {key: values[0] if len(values) == 1 else values for key, values in form.items() if key != "_xsrf"}


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
