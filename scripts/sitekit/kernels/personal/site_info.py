"""Write site.json, which has the site's settings for the command sitekit-kernel, to each published
generation."""

from __future__ import annotations

import json
from pathlib import Path

from ...base.errors import Problem
from ...base.files import write_atomic
from ...site import Site
from ...site.sections.slurm import Slurm
from ...site.settings import Kernels, Paths
from ..discovery.rules import Rules

FILE = "site.json"
_OF_SITE: dict[str, bool | set[str]] = {
    "title": True,
    "paths": {"prefix"},
    "slurm": {"bin"},
    "kernels": {"modulepath", "lmod"},
}
_OF_RULES = {"load_environment", "start_timeout"}


def write_site_info(generation: Path, site: Site, rules: Rules) -> None:
    """Write site.json, with the settings that sitekit-kernel needs, into the generation."""
    content = {
        "site": site.model_dump(mode="json", include=_OF_SITE),
        "rules": rules.model_dump(mode="json", include=_OF_RULES),
    }
    write_atomic(generation / FILE, json.dumps(content, indent=1) + "\n")


def read_site_info(prefix: Path) -> tuple[Site, Rules]:
    """Return a Site and the Rules of kernels.yml. The returned Site and Rules have only the fields
    that sitekit-kernel needs.

    If a program reads another field of them, Python raises an error. Raises Problem if no kernels
    are published.
    """
    file = prefix / "kernels" / "current" / FILE
    try:
        content = json.loads(file.read_text())
    except OSError:
        raise Problem(
            "this site has not published any kernels yet", str(file), "ask its administrators"
        ) from None
    known = content["site"]
    site = Site.model_construct(
        title=known["title"],
        paths=Paths.model_construct(prefix=Path(known["paths"]["prefix"])),
        slurm=Slurm.model_validate(known["slurm"]),
        kernels=Kernels.model_validate(known["kernels"]),
    )
    return site, Rules.model_construct(**content["rules"])
