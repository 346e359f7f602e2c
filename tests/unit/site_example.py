"""config/site.example.yml with all its optional keys switched on: the `#` before each key is
removed."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

from sitekit.site import Site
from sitekit.site.yaml_files.validate_yaml import validate
from sitekit.site.yaml_files.yaml_file import Document, read_yaml

FILE = Path(__file__).parents[2] / "config" / "site.example.yml"


def every_key(folder: Path) -> Document:
    """All keys with their examples, and the lines on which they stand. `folder` may be written to."""
    copy = folder / "site.yml"
    copy.write_text(re.sub(r"^( *)#(?=[a-z_]+:|- )", r"\1", FILE.read_text(), flags=re.MULTILINE))
    return read_yaml(copy)


def full_site(folder: Path) -> Site:
    """The site that has every key, but those of logins at a provider and of a login node."""
    return validate(Site, fitting(every_key(folder), ()))


OF_PROVIDERS = ("provider", "allow", "admins", "accounts")
OF_FRONT = ("directives", "modules")
OF_OTHERS = {
    "github": [("provider", "username"), ("provider", "groups"), ("provider", "identity_providers"),
               ("provider", "url"), ("allow", "domains"), ("allow", "groups"), ("admins", "domains"),
               ("admins", "groups")],
    "cilogon": [("provider", "groups"), ("allow", "organizations"), ("allow", "groups"),
                ("admins", "organizations"), ("admins", "groups")],
    "oidc": [("provider", "identity_providers"), ("allow", "organizations"), ("admins", "organizations")],
}  # fmt: skip
"""The keys that do not fit a method."""


def fitting(document: Document, path: tuple[str, ...]) -> Document:
    """The file with the key at `path`, and without keys that do not fit it: those of other methods of
    logins, of a login node or of what a hub beside it cannot have, and of a repository or of a
    folder that it cannot be in."""
    values = copy.deepcopy(document.values)
    if path[:2] != ("slurm", "ssh"):
        del values["slurm"]["ssh"]
    else:
        for tier in values["tiers"]:
            tier.get("requires", {}).pop("group", None)
    if path[:2] == ("server", "repository"):
        del values["server"]["root_read_only"]
    else:
        del values["server"]["repository"]
    fit_login(values, path)
    return Document(document.path, values, document.lines)


def fit_login(values: dict[str, Any], path: tuple[str, ...]) -> None:
    """Remove the keys of logins that do not fit the key at `path`."""
    login = values["login"]
    if path[:1] == ("login",) and path[1:2] in {(key,) for key in OF_FRONT}:
        kept = {key: login[key] for key in (*OF_FRONT, "allowed_groups")}
        values["login"] = {"method": "front", **kept}
        values["front"].pop("outside", None)
        values["front"].pop("server", None)
        values.pop("internal_tls", None)
        return
    for key in OF_FRONT:
        del login[key]
    if path[:1] != ("login",) or path[1:2] not in {(key,) for key in OF_PROVIDERS}:
        values["login"] = {key: login[key] for key in login if key not in OF_PROVIDERS}
        return
    for method in ("cilogon", "github", "oidc"):
        if path[1:] not in OF_OTHERS[method]:
            break
    for section, key in OF_OTHERS[method]:
        del login[section][key]
    login["method"] = method
    way = path[-1] if path[1:2] == ("accounts",) and len(path) == 3 else "file"
    login["accounts"] = {way: login["accounts"][way]}
    if way == "gateway":
        del login["allowed_groups"]
    for key in ("admin_groups", "passwords", "second_factor"):
        del login[key]
