"""Generate the sudo rules for the hub, and the PAM service with which the hub checks passwords."""

from __future__ import annotations

from pathlib import Path

from ...base.errors import BadInput
from ...base.templates import templates
from ...site import Site
from ..host.file_to_write import File
from ..host.platform import Platform


def sudoers(site: Site, platform: Platform) -> dict[Path, File]:
    """Return the sudo rules that allow the hub to start the gate under a user's account.

    The rules need sudo 1.8.29 or later. In a sudo rule, `""` after the command means that the
    command is allowed only without arguments. The sudo rule lists the accounts under which the hub
    is allowed to start the gate: members of the groups whose users are allowed to have servers, or
    the one account that runs all servers. root (by name and by uid) and the site's own accounts are
    excluded. sudo does not pass environment variables of the hub to the gate. If servers run on
    this host, a second rule lets the hub start the local gate as root.
    """
    hub, gateway = site.hub.user, site.login.gateway
    people = [gateway] if gateway else [f"%{group}" for group in site.login.allowed_groups]
    never = ["!root", "!#0", f"!{hub}", f"!{site.proxy.user}"]
    words: dict[str, object] = {
        "hub": hub,
        "people": ", ".join([*people, *never]),
        "slurm": "slurm" in site.backends,
        "everybody": ", ".join([gateway or "ALL", *never]),
    }
    text = templates("config/templates").get_template("sudoers.j2").render(site=site, **words)
    text = text.rstrip("\n") + "\n"
    return {platform.sudoers / f"sitekit-{site.name}": File(text, 0o440)}


def pam(site: Site, platform: Platform) -> dict[Path, File]:
    """Return the PAM service that the hub uses to check passwords.

    The PAM service opens no session, because the hub is not root and a job is not a login. Raises
    BadInput if the hub cannot check passwords itself. If users log in at an identity provider, the
    site has no PAM service.
    """
    if site.login.method != "pam":
        return {}
    lines = platform.pam.shadow if site.login.passwords == "shadow" else platform.pam.sssd
    if lines is None:
        remedy = "write `passwords: sssd`, and let sssd check them"
        raise BadInput(
            "on this distribution only root can read /etc/shadow", "login.passwords", remedy
        )
    if site.login.second_factor == "totp":
        factor = platform.pam.totp.format(hub=site.hub.user, secrets=site.totp)
        last = max(place for place, line in enumerate(lines) if line.startswith("auth"))
        lines = (*lines[: last + 1], factor, *lines[last + 1 :])
    text = templates("config/templates").get_template("pam.j2").render(site=site, lines=lines)
    return {Path("/etc/pam.d") / f"sitekit-{site.name}": File(text)}
