"""Enable nbdime for git in the terminals of a session, but not for logins by ssh.

The settings are at the level of git's system configuration, of which a session has its own file
(GIT_CONFIG_SYSTEM, git 2.32; an older git does without nbdime). So settings of the machine or of
the user come later and override them. The server's own git is not changed: nbgitpuller relies on
merges without drivers.
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
    """Write the configuration into `folder`, and return the variables that name it. Raises OSError.

    Returns {} if nbdime is not installed, or if the user has set GIT_CONFIG_SYSTEM.
    """
    if not (programs / "git-nbdiffdriver").exists() or "GIT_CONFIG_SYSTEM" in environment:
        return {}
    config, attributes = folder / "gitconfig", folder / "gitattributes"
    attributes.write_text(ATTRIBUTES + own_attributes(environment))
    config.write_text(CONFIG.format(attributes=attributes, programs=programs))
    return {"GIT_CONFIG_SYSTEM": str(config)}


def own_attributes(environment: Mapping[str, str]) -> str:
    """Return the user's own attributes.

    git reads them from this file only while core.attributesFile is not set (gitattributes(5)).
    """
    home = environment.get("XDG_CONFIG_HOME") or f"{environment['HOME']}/.config"
    try:
        return Path(home, "git", "attributes").read_text(errors="surrogateescape")
    except OSError:
        return ""
