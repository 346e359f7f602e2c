"""What a site file means, said in full: every key, the defaults included. Reading it back gives the
same Site."""

from __future__ import annotations

import io

from ruamel.yaml import YAML
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.representer import RoundTripRepresenter

from ..base import progress
from .model import Site


def dump(site: Site) -> str:
    """The site as YAML, every default written out. `load_site` of it gives an equal Site."""
    text = io.StringIO()
    writer = YAML(typ="rt", pure=True)
    writer.indent(mapping=2, sequence=4, offset=2)
    writer.width = 120
    writer.representer.add_representer(type(None), _null)
    writer.dump(site.model_dump(mode="json"), text)
    return text.getvalue()


def show(site: Site) -> int:
    """`make show`: print what the site file means."""
    progress.say(dump(site).rstrip())
    return 0


def check_site(site: Site) -> int:
    """`make check_site`: whoever gets here has a site file without a fault; say what it describes."""
    tiers = f"{len(site.tiers)} tier{'' if len(site.tiers) == 1 else 's'}"
    groups = ", ".join(site.login.allowed_groups)
    progress.say(f" ok site '{site.name}': {tiers}, {site.front.url}, for members of {groups}")
    return 0


def _null(maker: RoundTripRepresenter, _: None) -> ScalarNode:
    """`null`, as one would write it; the library's own is nothing at all."""
    return maker.represent_scalar("tag:yaml.org,2002:null", "null")
