"""Configure git in a session's terminals to compare and merge notebooks with nbdime.

The configuration is written to a file of this session, to which GIT_CONFIG_SYSTEM points. Logins by
ssh are not affected. git older than 2.32 ignores this variable and works without nbdime. System
settings have the lowest priority in git, so the settings of the machine and of the user override
them. The git that the server itself runs is not configured, because nbgitpuller needs merges
without drivers.
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
    """Write git's configuration into `folder`; return the environment variables that point to it.

    Return no variables if nbdime is not installed, or if GIT_CONFIG_SYSTEM is set already. Raises
    OSError.
    """
    if not (programs / "git-nbdiffdriver").exists() or "GIT_CONFIG_SYSTEM" in environment:
        return {}
    config, attributes = folder / "gitconfig", folder / "gitattributes"
    attributes.write_text(ATTRIBUTES + own_attributes(environment))
    config.write_text(CONFIG.format(attributes=attributes, programs=programs))
    return {"GIT_CONFIG_SYSTEM": str(config)}


def own_attributes(environment: Mapping[str, str]) -> str:
    """Return the content of the user's own attributes file.

    git does not read this file if core.attributesFile is set: see gitattributes(5).
    """
    home = environment.get("XDG_CONFIG_HOME") or f"{environment['HOME']}/.config"
    try:
        return Path(home, "git", "attributes").read_text(errors="surrogateescape")
    except OSError:
        return ""
