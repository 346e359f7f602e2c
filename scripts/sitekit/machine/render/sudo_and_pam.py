"""Who may do what: the sudo rules of the hub, and the PAM service by which people log in. Pure."""

from __future__ import annotations

from pathlib import Path

from ...base.errors import BadInput
from ...site import Site
from ..host.file import File
from ..host.platform import Platform


def sudoers(site: Site, platform: Platform) -> dict[Path, File]:
    """The rules that let the hub start the gate as a cluster user. Understood by sudo 1.8.29 and later.

    `""` after the command means: without arguments. The user list names the groups that may have servers; root is taken
    out by name and by number, and so are the site's own accounts. Nothing of the hub's environment gets through.
    """
    hub = site.hub.user
    groups = [f"%{group}" for group in site.login.allowed_groups]
    never = ["!root", "!#0", f"!{hub}", f"!{site.proxy.user}"]
    people, everybody = ", ".join([*groups, *never]), ", ".join(["ALL", *never])
    text = f"""\
# Written by sitekit for the site {site.name}. The hub may start one program as a cluster user, without arguments:
# it submits, cancels or reads the log of that user's own server, and refuses all else.
Defaults:{hub} env_reset, !setenv, !env_keep, !env_check, !requiretty
# No terminal, no PAM session and no log line for what is allowed: this runs often. What is refused is logged as ever.
Defaults:{hub} !use_pty, !pam_session, !log_allowed, !lecture
{hub} ALL=({people}) NOPASSWD: {site.libexec}/gate ""
# Servers of people who have left these groups can still be ended: this program cancels them, and refuses all else.
{hub} ALL=({everybody}) NOPASSWD: {site.libexec}/end ""
"""
    return {platform.sudoers / f"sitekit-{site.name}": File(text, 0o440)}


def pam(site: Site, platform: Platform) -> dict[Path, File]:
    """The PAM service that the hub asks. It opens no session: the hub is not root, and a job is not a login.

    Raises BadInput where the hub cannot check passwords itself.
    """
    lines = platform.pam.shadow if site.login.passwords == "shadow" else platform.pam.sssd
    if lines is None:
        remedy = "write `passwords: sssd`, and let sssd check them"
        raise BadInput("on this distribution root alone can read /etc/shadow", "login.passwords", remedy)
    if site.login.second_factor == "totp":
        factor = platform.pam.totp.format(hub=site.hub.user, secrets=site.totp)
        last = max(place for place, line in enumerate(lines) if line.startswith("auth"))
        lines = (*lines[: last + 1], factor, *lines[last + 1 :])
    name = f"sitekit-{site.name}"
    head = f"# Written by sitekit: how people log in at {site.front.url}. Lines added here by hand are kept.\n"
    return {Path("/etc/pam.d") / name: File(head + "".join(f"{line}\n" for line in lines))}
