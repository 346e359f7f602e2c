"""Make a site.yml from the converted values of an older configuration. `make check_site` must
accept this site.yml."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...base.errors import BadInputs
from ...site import Site
from ...site.yaml_files.model_fields import flow
from ...site.yaml_files.validate_yaml import validate
from ...site.yaml_files.yaml_file import Document
from .hub_settings import Key, site_keys
from .read_config import Config, Setting
from .tiers import OldTier, old_tiers

EXAMPLES: dict[Key, Any] = {
    ("name",): "main",
    ("title",): "Jupyter",
    ("paths", "prefix"): "/shared/jupyter",
    ("paths", "state"): "/var/lib/sitekit",
    ("hub", "address"): "hub.cluster.example.org",
    ("front", "url"): "https://hub.example.org",
    ("login", "allowed_groups"): ["jupyter-users"],
    ("kernels", "modulepath"): ["/shared/modules"],
}
"""Keys that every site needs, with values to replace."""
_TIER = {"partitions": ["jupyter"], "memory": "2G", "time": "4:00:00", "idle": "never"}
_EMPTY = {"key": "small", "title": "Small", **_TIER}
_MARK = "SET THIS: not in the old configuration"


@dataclass
class NewSite:
    """A new site.yml: its values, the place in the older configuration from which each value comes,
    and the keys that have only example values."""

    values: dict[str, Any]
    origins: dict[tuple[str | int, ...], str] = field(default_factory=dict)
    examples: list[str] = field(default_factory=list)


def new_site_of(config: Config) -> NewSite:
    """Return the new site that follows from a jupyterhub_config.py. Settings that cannot be
    converted are reported in `config`."""
    new = NewSite({})
    for key, value in EXAMPLES.items():
        _put(new.values, key, value)
    new.values["tiers"] = [_EMPTY]
    tiers, taken = old_tiers(config)
    for key, value, settings in _merged(config, taken):
        origin = f"{config.path.name}:{settings[-1].line}"
        if fault := _fault(new.values, key, value):
            for setting in settings:
                config.leave(setting.line, f"c.{setting.name}", f"{'.'.join(key)}: {fault}")
        else:
            _put(new.values, key, value)
            new.origins[key] = origin
    _add_tiers(config, new, tiers)
    for key in EXAMPLES:
        if key not in new.origins:
            new.origins[key] = _MARK
            new.examples.append(".".join(key))
    return new


def _merged(config: Config, taken: set[str]) -> Iterator[tuple[Key, Any, list[Setting]]]:
    """Yield each key of site.yml once, with its value and its settings. If several settings give
    parts of one mapping, such as the certificate and its key, the parts are joined. If several
    settings give the same key one value each, the last value is used."""
    values: dict[Key, Any] = {}
    settings: dict[Key, list[Setting]] = {}
    for key, value, setting in site_keys(config, taken):
        both = isinstance(value, dict) and isinstance(values.get(key), dict)
        values[key] = {**values[key], **value} if both else value
        settings[key] = [*settings.get(key, []), setting] if both else [setting]
    for key, value in values.items():
        yield key, value, settings[key]


def _add_tiers(config: Config, new: NewSite, tiers: list[OldTier]) -> None:
    """Add the tiers to the new site. Keys that site.yml does not accept are omitted and
    reported."""
    new.values["tiers"] = []
    for number, old in enumerate(tiers):
        tier = {"key": old.key, "title": old.title, **_TIER}
        new.origins["tiers", number] = f"{config.path.name}:{old.line}"
        if fault := _fault(new.values, ("tiers",), [tier]):
            config.leave(old.line, f"the title of the tier {old.key}", fault)
            tier["title"] = old.key
        for key, (value, line) in old.keys.items():
            if fault := _fault(new.values, ("tiers",), [{**tier, key: value}]):
                config.leave(line, f"{key} of the tier {old.key}", fault)
            else:
                tier[key] = value
                new.origins["tiers", number, key] = ""
        new.values["tiers"].append(tier)
        for key in _TIER.keys() - {"idle"}:
            if ("tiers", number, key) not in new.origins:
                new.origins["tiers", number, key] = _MARK
                new.examples.append(f"tiers[{number}].{key}")
    new.examples.append("tiers[].memory_cap, if cgroup.conf sets AllowedRAMSpace above 100")


def _fault(values: dict[str, Any], key: Key, value: Any) -> str:
    """Return the reason why site.yml cannot have this value; "" if the value is valid."""
    trial = copy.deepcopy(values)
    _put(trial, key, value)
    if not trial["tiers"]:
        trial["tiers"] = [_EMPTY]
    try:
        validate(Site, Document(Path("site.yml"), trial, {}))
    except BadInputs as error:
        return error.problems[0].what
    return ""


def _put(values: dict[str, Any], key: Key, value: Any) -> None:
    """Set the value of a key such as hub.address. `values` has one dictionary inside the other, as
    site.yml has."""
    *above, last = key
    for part in above:
        values = values.setdefault(part, {})
    values[last] = value


def text_of(new: NewSite, head: str) -> str:
    """Return the site as YAML, with the origin of each value in a comment. `head` is the comment at
    the top."""
    return head + "\n".join(_lines(new.values, new.origins, (), "")) + "\n"


def _lines(
    values: dict[str, Any], origins: dict[tuple[str | int, ...], str], above: Any, indent: str
) -> Iterator[str]:
    """Yield the lines of a mapping as YAML. `above` has the names of the keys that contain the
    mapping, such as (`hub`,) for the keys of the section hub."""
    for name, value in values.items():
        key = (*above, name)
        if name == "tiers":
            yield "tiers:"
            for number, tier in enumerate(value):
                yield f"  # {origins.get((*key, number), '')}"
                first, *others = _lines(tier, origins, (*key, number), "    ")
                yield from (f"  - {first.strip()}", *others)
        elif isinstance(value, dict) and key not in origins:
            yield f"{indent}{name}:"
            yield from _lines(value, origins, key, indent + "  ")
        else:
            comment = f"  # {origins[key]}" if origins.get(key) else ""
            yield f"{indent}{name}: {flow(value)}{comment}"
