"""Write and read site.json, which gives `sitekit-kernel` the settings of the site.

Each generation of kernels has a site.json. It contains only the settings that users need.
"""

from __future__ import annotations

import json
from pathlib import Path

from ...base.errors import Problem
from ...base.files import write_atomic
from ...site import Site
from ...site.model import Kernels, Paths, Slurm
from ..discovery.rules import Rules

FILE = "site.json"
_OF_SITE: dict[str, bool | set[str]] = {
    "title": True,
    "paths": {"prefix"},
    "slurm": {"bin"},
    "kernels": {"modulepath", "lmod"},
}
_OF_RULES = {"load_environment", "start_timeout"}


def write(generation: Path, site: Site, rules: Rules) -> None:
    """Write site.json into a generation."""
    settings = {
        "site": site.model_dump(mode="json", include=_OF_SITE),
        "rules": rules.model_dump(mode="json", include=_OF_RULES),
    }
    write_atomic(generation / FILE, json.dumps(settings, indent=1) + "\n")


def read(prefix: Path) -> tuple[Site, Rules]:
    """Return the site and the rules with only those settings that site.json contains.

    `prefix` is the site's prefix. Reading any other setting raises AttributeError. Raises Problem
    if no kernels are published.
    """
    file = prefix / "kernels" / "current" / FILE
    try:
        settings = json.loads(file.read_text())
    except OSError:
        raise Problem(
            "this site has not published any kernels yet", str(file), "ask the people who run it"
        ) from None
    known = settings["site"]
    site = Site.model_construct(
        title=known["title"],
        paths=Paths.model_construct(prefix=Path(known["paths"]["prefix"])),
        slurm=Slurm.model_validate(known["slurm"]),
        kernels=Kernels.model_validate(known["kernels"]),
    )
    return site, Rules.model_construct(**settings["rules"])
