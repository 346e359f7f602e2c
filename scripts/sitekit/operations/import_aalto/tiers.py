"""Convert the profiles of ProfilesSpawner, or the settings of batchspawner, to tiers of
site.yml."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from .batch_options import OPTIONS, sbatch_options
from .evaluate_expressions import Unknown
from .hub_settings import REASONS, NotCarried
from .read_config import Config, Setting

_CLASSES = ("Spawner", "BatchSpawnerBase", "BatchSpawner", "SlurmSpawner")
_TIMEOUT = re.compile(r"--timeout=(\d{1,9})")
_PROFILES = "ProfilesSpawner.profiles"


@dataclass(frozen=True)
class Option:
    """One option of batchspawner: its name, its value, and the line of the configuration that sets
    it."""

    name: str
    value: Any
    line: int


@dataclass
class OldTier:
    """A tier that comes from one profile of the older configuration: its key, its title, the line
    number of the profile, and the keys of the tier, each with its value and line number."""

    key: str
    title: str
    line: int
    keys: dict[str, tuple[Any, int]] = field(default_factory=dict)


def old_tiers(config: Config) -> tuple[list[OldTier], set[str]]:
    """Return the tiers that follow from a configuration, and the names of all settings that belong
    to tiers."""
    common = {option.name: option for option in _common(config)}
    taken = {name for name in config.settings if _option_of(name)}
    profiles = config.settings.get(_PROFILES)
    if profiles is None:
        if not any(name.startswith("req_") for name in common):
            return [], taken
        line = min(option.line for option in common.values())
        only = OldTier("default", "Default", line)
        _take(config, only, common.values())
        return [only], taken
    tiers: list[OldTier] = []
    if not isinstance(profiles.value, list):
        config.leave(profiles.line, f"c.{_PROFILES}", "the list of the profiles is not computed")
        return [], taken | {_PROFILES}
    for number, profile in enumerate(profiles.value):
        exact = len(profiles.lines) == len(profiles.value)
        line = profiles.lines[number] if exact else profiles.line
        if tier := _tier(config, profile, line, common):
            tier.key = _apart(tier.key, {other.key for other in tiers})
            tiers.append(tier)
    _add_idle(config, tiers)
    return tiers, taken | {_PROFILES}


def _option_of(name: str) -> str:
    """Return the name of the batchspawner option that a setting sets for all profiles; "" for other
    settings."""
    owner, _, option = name.partition(".")
    known = option in OPTIONS or option.startswith("req_")
    return option if owner in _CLASSES and known else ""


def _common(config: Config) -> Iterator[Option]:
    """Yield the options that the configuration sets for all profiles. The options of the class
    Spawner come first, and the options of SlurmSpawner last, because a later option replaces an
    earlier option with the same name."""
    for owner in _CLASSES:
        for setting in config.settings.values():
            if setting.name.startswith(f"{owner}.") and (option := _option_of(setting.name)):
                yield Option(option, setting.value, setting.line)


def _tier(config: Config, profile: Any, line: int, common: dict[str, Option]) -> OldTier | None:
    """Return the tier for a profile. If the profile is not a Slurm job, report that it cannot be
    converted, and return None."""
    parts = profile if isinstance(profile, list) else []
    if len(parts) != 4 or not all(isinstance(part, str) for part in parts[:2]):
        config.leave(line, "a profile", "it has not the form (title, key, class, options)")
        return None
    title, key, spawner, options = parts
    name = spawner.text if isinstance(spawner, Unknown) else str(spawner)
    if "slurm" not in name.lower():
        config.leave(line, f"the profile {key!r}", f"{name} does not run servers in Slurm")
        return None
    if not isinstance(options, dict):
        config.leave(line, f"the options of the profile {key!r}", "they are not computed")
        options = {}
    own = {word: Option(word, value, line) for word, value in options.items()}
    plain = re.sub(r"[^a-z0-9_-]+", "-", key.lower()).strip("-_")[:31] or "tier"
    tier = OldTier(plain, title, line)
    _take(config, tier, (common | own).values())
    return tier


def _take(config: Config, tier: OldTier, options: Any) -> None:
    """Convert the options of a tier. Report the options for which site.yml has no key."""
    for option in options:
        what = f"{option.name} of the tier {tier.key}"
        if option.value in ("", None, []):
            continue
        if isinstance(option.value, Unknown):
            why = f"the value of `{option.value.text}` is not computed"
            config.leave(option.line, what, REASONS.get(option.name, why))
        elif option.name == "req_options":
            _take_words(config, tier, option)
        elif option.name not in OPTIONS:
            why = REASONS.get(option.name, "a tier has no key for it")
            config.leave(option.line, what, why)
        else:
            try:
                found = OPTIONS[option.name](option.value)
                tier.keys |= {key: (value, option.line) for key, value in found.items()}
            except NotCarried as why:
                config.leave(option.line, what, str(why))


def _take_words(config: Config, tier: OldTier, option: Option) -> None:
    """Convert the options of sbatch in the batchspawner option `req_options`."""
    for word, found in sbatch_options(str(option.value)):
        if found is None:
            why = "a tier has no key for this option of sbatch"
            config.leave(option.line, f"{word} in req_options of the tier {tier.key}", why)
        else:
            tier.keys |= {key: (value, option.line) for key, value in found.items()}


def _add_idle(config: Config, tiers: list[OldTier]) -> None:
    """If a culler is among the hub's services, and no tier has an idle limit, copy the culler's
    idle limit to all tiers. If a tier has an idle limit already, nothing is copied: the culler is
    then the culler of Aalto, which ends only servers whose profile has a `req_culltime`.
    """
    services = config.settings.get("JupyterHub.services")
    if services is None or any("idle" in tier.keys for tier in tiers):
        return
    if found := _TIMEOUT.search(" ".join(_strings(services))):
        for tier in tiers:
            tier.keys["idle"] = (f"{int(found[1])}s", services.line)


def _strings(setting: Setting) -> Iterator[str]:
    """Yield the words in the command lines of the hub's services."""
    services = setting.value if isinstance(setting.value, list) else []
    for service in services:
        command = service.get("command", []) if isinstance(service, dict) else []
        yield from (word for word in command if isinstance(word, str))


def _apart(key: str, others: set[str]) -> str:
    """Return the key for a new tier. If another tier has this key already, a number is added, such
    as in `small-2`. `others` has the keys of the other tiers."""
    found, number = key, 2
    while found in others:
        found, number = f"{key[:27]}-{number}", number + 1
    return found
