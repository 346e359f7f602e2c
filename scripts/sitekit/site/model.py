"""Define the class Site: all settings of `config/site.yml`, after all checks.

Reading a site file changes nothing on the machine. An error in the file raises BadInput with the
file, the line, the key and the remedy.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import model_validator

from ..base.errors import Unfits
from .checks.front_login_checks import front_login_fits
from .checks.images_of_tiers import unknown_images
from .checks.local_tier_checks import local_tiers_fit
from .checks.refuse_conflicts import (
    accounts_apart,
    paths_apart,
    ports_apart,
    start_fits,
    tiers_apart,
)
from .checks.ssh_checks import login_node_fits, tunnel_fits
from .settings import SiteSettings
from .yaml_files.validate_yaml import validate
from .yaml_files.yaml_file import read_yaml


class Site(SiteSettings):
    """All settings of one site. sitekit has checked that the settings do not contradict each other."""

    @model_validator(mode="after")
    def _agrees(self) -> Site:
        """Refuse a site file in which settings of different sections contradict each other."""
        if faults := [
            *tiers_apart(self),
            *ports_apart(self),
            *accounts_apart(self),
            *paths_apart(self),
            *login_node_fits(self),
            *tunnel_fits(self),
            *front_login_fits(self),
            *unknown_images(self),
            *local_tiers_fit(self),
            *start_fits(self),
        ]:
            raise Unfits(faults)
        return self


def load_site(path: Path) -> Site:
    """Read and check a site file. Raises BadInput, or BadInputs with all errors."""
    return validate(Site, read_yaml(path))
