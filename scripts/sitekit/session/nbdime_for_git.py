"""Make git in JupyterLab's terminals use nbdime for notebooks; logins by ssh are not changed.

The settings for nbdime are in a file of the session, which git reads as its system configuration
(GIT_CONFIG_SYSTEM, since git 2.32; an older git does not use nbdime). After the session's file, git
reads the settings of the machine and of the user. Therefore the settings of the machine and of the
user override the settings in the session's file. The settings for nbdime are not used when the
server itself runs git, because nbgitpuller needs git's ordinary merge.
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
    """Write a configuration file for git to `folder`, and return the environment variables with the
    path of this file. Raises OSError if a file cannot be written.

    Returns {} if nbdime is not installed, or if the user has set GIT_CONFIG_SYSTEM.
    """
    if not (programs / "git-nbdiffdriver").exists() or "GIT_CONFIG_SYSTEM" in environment:
        return {}
    config, attributes = folder / "gitconfig", folder / "gitattributes"
    attributes.write_text(ATTRIBUTES + own_attributes(environment))
    config.write_text(CONFIG.format(attributes=attributes, programs=programs))
    return {"GIT_CONFIG_SYSTEM": str(config)}


def own_attributes(environment: Mapping[str, str]) -> str:
    """Return the contents of the user's own gitattributes file.

    git reads this file only if core.attributesFile is not set (gitattributes(5)).
    """
    home = environment.get("XDG_CONFIG_HOME") or f"{environment['HOME']}/.config"
    try:
        return Path(home, "git", "attributes").read_text(errors="surrogateescape")
    except OSError:
        return ""
