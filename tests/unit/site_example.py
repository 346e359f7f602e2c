"""config/site.example.yml with all its optional keys switched on: the `#` before each key is
removed."""

from __future__ import annotations

import re
from pathlib import Path

from sitekit.site import Site
from sitekit.site.validate import validate
from sitekit.site.yaml_file import Document, read_yaml

FILE = Path(__file__).parents[2] / "config" / "site.example.yml"


def every_key(folder: Path) -> Document:
    """All keys with their examples, and the lines on which they stand. `folder` may be written to."""
    copy = folder / "site.yml"
    copy.write_text(re.sub(r"^( *)#(?=[a-z_]+:|- )", r"\1", FILE.read_text(), flags=re.MULTILINE))
    return read_yaml(copy)


def full_site(folder: Path) -> Site:
    """The site that has every key."""
    return validate(Site, every_key(folder))
