"""Implement `make show`, which prints the site file with all default values, and `make check_site`,
which prints a summary."""

from __future__ import annotations

import io
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.representer import RoundTripRepresenter

from ..base import progress
from ..base.errors import BadInput, BadInputs
from ..base.read_and_check_catalogue import faults, messages, missing, read_catalogue
from .courses.course_files import site_courses
from .model import Site


def dump(site: Site) -> str:
    """Return the site as YAML text with all default values. load_site() converts this text to an
    equal Site object."""
    text = io.StringIO()
    writer = YAML(typ="rt", pure=True)
    writer.indent(mapping=2, sequence=4, offset=2)
    writer.width = 120
    writer.representer.add_representer(type(None), _null)
    writer.dump(site.model_dump(mode="json"), text)
    return text.getvalue()


def show(site: Site) -> int:
    """Print the site as YAML with all default values (`make show`)."""
    progress.say(dump(site).rstrip())
    return 0


def check_site(site: Site) -> int:
    """Print a summary of a valid site file, of its translation file, and of the course files (`make
    check_site`).

    Raises BadInputs if the translation file or a course file has an error.
    """
    tiers = f"{len(site.tiers)} tier{'' if len(site.tiers) == 1 else 's'}"
    groups = f"members of {', '.join(site.login.allowed_groups)}"
    people = groups if site.login.method in ("pam", "front") else f"users of {site.login.url}"
    progress.say(f" ok site '{site.name}': {tiers}, {site.front.url}, for {people}")
    if site.pages.catalogue:
        _check_catalogue(site.pages.catalogue, site.pages.language)
    for course in site_courses(site):
        begin, end = (when.strftime("%Y-%m-%d %H:%M") for when in course.file.period())
        progress.say(f" ok course '{course.key}': {course.file.title}, {begin} to {end}")
    return 0


def _check_catalogue(path: Path, language: str) -> None:
    """Print how many texts the site's own translation file translates. Raises BadInputs if the
    translation file has faults."""
    key = "pages.catalogue"
    try:
        catalogue, wanted = read_catalogue(path), messages()
    except OSError as error:
        remedy = "put it there, or correct the path"
        raise BadInput(f"{path} cannot be read: {error.strerror}", key, remedy) from None
    remedy = f"correct {path}; config/languages/messages.pot has all texts of this version"
    found = [BadInput(fault, key, remedy) for fault in faults(catalogue, wanted)]
    if catalogue.locale_identifier not in (None, language):
        what = f"its header `Language` is {catalogue.locale_identifier}, and pages.language is {language}"
        found.insert(0, BadInput(what, key, f"write the same language in site.yml and in {path}"))
    if found:
        raise BadInputs(found)
    texts = sum(1 for message in wanted if message.id)
    translated = texts - len(missing(catalogue, wanted))
    progress.say(f" ok catalogue '{language}': {translated} of {texts} texts are translated")


def _null(maker: RoundTripRepresenter, _: None) -> ScalarNode:
    """Write None as `null`, because ruamel.yaml would write an empty value."""
    return maker.represent_scalar("tag:yaml.org,2002:null", "null")
