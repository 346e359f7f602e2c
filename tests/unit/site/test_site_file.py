"""config/site.example.yml as it is shipped: a small site, and each key explained, with its true
default."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from site_example import FILE, every_key, fitting

from sitekit.base.errors import BadInputs
from sitekit.site import Site, load_site
from sitekit.site.yaml_files.model_fields import is_list, model_in, walk
from sitekit.site.yaml_files.validate_yaml import validate
from sitekit.site.yaml_files.yaml_file import Document, read_yaml

with tempfile.TemporaryDirectory() as _folder:
    DOCUMENT = every_key(Path(_folder))
LINES = FILE.read_text().splitlines()
FIELDS = dict(walk(Site))
# PAM and CILogon do not work without these keys, which other methods do not have. A tier names an image.
ASKED_FOR = {
    ("login", "allowed_groups"),
    ("login", "provider", "identity_providers"),
    ("server", "images"),
    ("tiers", "partitions"),
}


def place(path: tuple[str, ...]) -> tuple[str | int, ...]:
    """The key path of a field in the file; of a list of rows, the first row that has it."""
    keys: list[tuple[str | int, ...]] = [()]
    for depth, name in enumerate(path, 1):
        keys = [(*key, name) for key in keys]
        field = FIELDS[path[:depth]]
        if depth < len(path) and is_list(field) and model_in(field.annotation):
            rows = sum(
                len(line) == len(keys[0]) + 1 and line[:-1] == keys[0] for line in DOCUMENT.lines
            )
            keys = [(*key, row) for key in keys for row in range(rows)]
    return next((key for key in keys if key in DOCUMENT.lines), keys[0])


def comment(path: tuple[str, ...]) -> list[str]:
    """The comment lines directly above the key."""
    end = DOCUMENT.lines[place(path)] - 1
    begin = end
    while begin and re.match(r" *# ", LINES[begin - 1]):
        begin -= 1
    return [line.strip().removeprefix("# ") for line in LINES[begin:end]]


def changed(path: tuple[str, ...], *value: object) -> object:
    """What the site says at `path` when the file gives it `value`, or leaves it out."""
    values = fitting(DOCUMENT, path).values
    *above, last = place(path)
    here = values
    for part in above:
        here = here[part]
    if value:
        here[last] = value[0]
    else:
        here.pop(last, None)
    found = validate(Site, Document(FILE, values, DOCUMENT.lines))
    for part in place(path):
        found = found[part] if isinstance(part, int) else getattr(found, part)
    return found


dotted = pytest.mark.parametrize("path", FIELDS, ids=".".join)


def test_as_it_stands_it_is_a_small_site() -> None:
    """Nothing in it is active that does not exist at a site which has just begun."""
    site = load_site(FILE)
    assert site.front.host == "hub.example.org" and [tier.key for tier in site.tiers] == ["small"]
    assert (
        site.front.certificate == "self-signed"
        and site.front.outside is None
        and not site.environment.mirrors
    )


def test_what_is_written_are_the_required_keys() -> None:
    written = {
        tuple(part for part in key if isinstance(part, str)) for key in read_yaml(FILE).lines
    }
    required = {
        path
        for path in FIELDS
        if all(FIELDS[path[:depth]].is_required() for depth in range(1, len(path) + 1))
    }
    # by PAM and on Slurm, which an untouched file has
    assert written == required | {("login", "allowed_groups"), ("tiers", "partitions")}


@dotted
def test_the_key_is_there(path: tuple[str, ...]) -> None:
    assert place(path) in DOCUMENT.lines, (
        f"config/site.example.yml lacks {'.'.join(path)}: add it with a comment and its default"
    )


@dotted
def test_the_key_is_explained(path: tuple[str, ...]) -> None:
    *meaning, last = comment(path)
    assert 1 <= len(meaning) <= 4, "one to three lines, and a fourth where it must be"
    assert len(" ".join(meaning)) >= 12
    assert re.fullmatch(r"Required\.|Default: .+", last)
    assert (last == "Required.") == FIELDS[path].is_required()


@dotted
def test_the_default_in_the_comment_is_the_true_one(path: tuple[str, ...]) -> None:
    told = comment(path)[-1].removeprefix("Default: ")
    field = FIELDS[path]
    if field.is_required():
        with pytest.raises(BadInputs, match=rf"{path[-1]}: this key is missing"):
            changed(path)
    elif path in ASKED_FOR:
        assert told == "[]"
        with pytest.raises(BadInputs):
            changed(path)
    elif field.default is None:
        assert told.startswith("none")
    elif model_in(field.annotation) and not isinstance(field.default, (str, tuple)):
        assert told == "each key of this section has its own default."
    else:
        assert changed(path, YAML(typ="safe", pure=True).load(told)) == changed(path)


def test_nothing_else_is_there() -> None:
    """Every key of the file is one of the model; the model refuses others, and this names them all."""
    written = {tuple(part for part in key if isinstance(part, str)) for key in DOCUMENT.lines}
    free = {("server", "interfaces"), ("server", "links"), ("environment", "mirrors")}
    names_of_the_sites_own = {key for key in written if key[:-1] in free}
    assert written - names_of_the_sites_own == set(FIELDS)
