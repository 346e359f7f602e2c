"""The sites of tests/golden/machine: three kept whole, of others what they change in another."""

from __future__ import annotations

import difflib
from pathlib import Path

from machine_sites import changed, family, shipped
from ruamel.yaml import YAML

from sitekit.base.data_files import data
from sitekit.machine.render.rendered_files import render
from sitekit.site import Site

GOLDEN = Path(__file__).parents[1] / "golden" / "machine"
WHOLE = ("demo", "own", "triton")
PAIRS = tuple(sorted({path.stem for path in GOLDEN.glob("*.yml")} - set(WHOLE)))
CASES = tuple(sorted({*WHOLE, *PAIRS, *(path.stem for path in data("config/sites").glob("*.yml"))}))
# Copied as they are, or tested by the room that defines them.
ELSEWHERE = {
    "class.mjs",
    "owners.mjs",
    "site.yml",
    "culler_config.py",
    "jupyterhub_config.py",
    "gate",
    "local_gate",
    "container_service",
    "containers.py",
    "units.py",
    "end",
    "gate.json",
    "job.sh",
    "tunnel_principals",
    "tunnel_sshd",
}


def described(case: str) -> dict[str, object]:
    """What the small file of a case says; nothing of one that is a site of config/sites.

    `of` names the case that it changes, `like` one whose changes are not shown again, `platform`
    the family of distributions. All else is of a site file.
    """
    file = GOLDEN / f"{case}.yml"
    return YAML(typ="safe").load(file) if file.exists() else {}


def site_of(case: str) -> tuple[Site, str]:
    """Its site, and the family of the distribution on which it is rendered."""
    keys = described(case)
    if not keys:
        return shipped(case), "debian"
    site, platform = site_of(str(keys.pop("of")))
    platform = str(keys.pop("platform", platform))
    keys.pop("like", None)
    return changed(site, **keys), platform


def rendered(case: str) -> dict[Path, object]:
    site, platform = site_of(case)
    return render(site, family(platform))


def texts(case: str) -> dict[str, str]:
    """What is kept of its files, by their path without the first slash."""
    kept = {path: file for path, file in rendered(case).items() if path.name not in ELSEWHERE}
    return {str(path.relative_to("/")): file.content for path, file in kept.items()}


def difference(case: str) -> str:
    """What a case changes in the one that it is `of`: new files whole, of others the lines."""
    keys = described(case)
    before, after = texts(str(keys["of"])), texts(case)
    shown = {path for path in {*before, *after} if before.get(path) != after.get(path)}
    if "like" in keys:
        like = texts(str(keys["like"]))
        shown = {path for path in shown if like.get(path) != after.get(path)}
    told = [_change(path, before.get(path), after.get(path)) for path in sorted(shown)]
    return "".join(told) or "nothing\n"


def _change(path: str, before: str | None, after: str | None) -> str:
    if after is None:
        return f"==> {path} is gone\n"
    lines = after.splitlines(True)
    if before is not None:
        lines = [*difflib.unified_diff(before.splitlines(True), lines, n=2)][2:]
        # Without the numbers of the lines, which would change with what is above.
        lines = ["@@\n" if line.startswith("@@") else line for line in lines]
    ended = [line if line.endswith("\n") else f"{line}\n\\ no newline\n" for line in lines]
    return f"==> {path} is {'new' if before is None else 'changed'}\n{''.join(ended)}"
