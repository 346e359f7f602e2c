"""nbdime for the git of a session's terminals, for everybody, and for nobody who comes by ssh.

It is said at the level of git's system configuration, of which a session has one of its own
(GIT_CONFIG_SYSTEM, git
2.32; an older one goes on without nbdime). So whatever the machine or the user has set comes after
it and wins. The server's own git is left alone: nbgitpuller counts on merges without drivers.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

CONFIG = """\
[core]
	attributesFile = "{attributes}"
[diff "jupyternotebook"]
	command = {programs}/git-nbdiffdriver diff
[merge "jupyternotebook"]
	name = jupyter notebook merge driver
	driver = {programs}/git-nbmergedriver merge %O %A %B %L %P
[include]
	path = /etc/gitconfig
"""
ATTRIBUTES = "*.ipynb diff=jupyternotebook merge=jupyternotebook\n"


def set_up(folder: Path, programs: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """Write the configuration into `folder`; return the variables that point to it; none without
    nbdime.

    Raises OSError.
    """
    if not (programs / "git-nbdiffdriver").exists() or "GIT_CONFIG_SYSTEM" in environment:
        return {}
    config, attributes = folder / "gitconfig", folder / "gitattributes"
    attributes.write_text(ATTRIBUTES + own_attributes(environment))
    config.write_text(CONFIG.format(attributes=attributes, programs=programs))
    return {"GIT_CONFIG_SYSTEM": str(config)}


def own_attributes(environment: Mapping[str, str]) -> str:
    """The user's own, from where git looks for them as long as core.attributesFile is not set
    (gitattributes(5))."""
    home = environment.get("XDG_CONFIG_HOME") or f"{environment['HOME']}/.config"
    try:
        return Path(home, "git", "attributes").read_text(errors="surrogateescape")
    except OSError:
        return ""
