"""The demo with other settings, by `make apply`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sitekit.demo.cluster.layout import demo_site
from sitekit.machine.apply.commands import apply
from sitekit.machine.supervisors.control import which_supervisor
from sitekit.site import Site

from .slurm import ask


@contextmanager
def applied(**sections: object) -> Iterator[Site]:
    """The demo with these keys of its sections, or these tiers; afterwards as it was."""
    as_run = demo_site(which_supervisor())
    values = as_run.model_dump(mode="json")
    for section, keys in sections.items():
        values[section] = {**values[section], **keys} if isinstance(keys, dict) else keys
    changed = Site.model_validate(values)
    try:
        assert apply(changed) == 0
        yield changed
    finally:
        # a server left by a failed test would send its user to names that only a browser resolves
        for user in ("alice", "bob"):
            ask(as_run, "scancel", f"--user={user}")
        assert apply(as_run) == 0
