"""Convert the settings of JupyterHub, authenticators and spawners to keys of site.yml."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

from .evaluate_expressions import Unknown
from .read_config import Config, Setting

Key = tuple[str, ...]


class NotCarried(ValueError):
    """Report why a setting cannot be converted to a key of site.yml. The administrator reads the
    text of the exception."""


def _address(value: Any) -> str:
    """Return the host name or IP address in `value`. Raises NotCarried for a value that means all
    addresses of the host."""
    if value in ("", "0.0.0.0", "*"):  # noqa: S104 - compared, not bound
        raise NotCarried("every address of the host; hub.address names the one for compute nodes")
    return str(value)


def _days(value: Any) -> str:
    """Convert a number of days to a duration in the form of site.yml, such as `14d` or `36h`."""
    if type(value) not in (int, float):
        raise NotCarried("this is not a number of days")
    return f"{round(value * 24)}h" if value % 1 else f"{int(value)}d"


def _port_of(value: Any) -> int:
    """Return the port of a URL like http://127.0.0.1:8001."""
    try:
        port = urlsplit(str(value)).port
    except ValueError:
        port = None
    if port is None:
        raise NotCarried("this address has no port")
    return port


def _groups(value: Any) -> list[str]:
    """Return a sorted list of names of Unix groups."""
    words = value if isinstance(value, list) else [value]
    if not words or not all(isinstance(word, str) for word in words):
        raise NotCarried("this is not a list of groups")
    return sorted(set(words))


def _folder(value: Any) -> str:
    """Convert the folder that the file browser shows first to the form in site.yml. For example,
    `/home/{username}` becomes `~`."""
    folder = str(value).replace("{username}", "{user}").rstrip("/") or "/"
    return re.sub(r"^(/home/\{user\}|\{homedir\})", "~", folder)


def _interface(value: Any) -> dict[str, str]:
    """Return the page that a server opens, such as /lab, as a dictionary with one entry. The key is
    the title of the page in the start form, and the value is the page's path."""
    names = {"/lab": "JupyterLab", "/tree": "Classic notebook"}
    return {names.get(str(value), "Start page"): str(value)}


def _named(value: Any) -> int:
    """Return the number of named servers that each user is allowed to have."""
    if value is True:
        return 5  # JupyterHub has no limit by default, and site.yml has one
    if isinstance(value, int):
        return value
    raise NotCarried("this is not a number")


def _truth(value: Any) -> bool:
    """Return the value if it is True or False. Otherwise, raise NotCarried."""
    if not isinstance(value, bool):
        raise NotCarried("this is neither True nor False")
    return value


def _as_it_is(value: Any) -> Any:
    """Return the value unchanged."""
    return value


KEYS: dict[str, tuple[Key, Callable[[Any], Any]]] = {
    "JupyterHub.hub_ip": (("hub", "address"), _address),
    "JupyterHub.hub_connect_ip": (("hub", "address"), _address),
    "JupyterHub.hub_port": (("hub", "port"), _as_it_is),
    "JupyterHub.port": (("proxy", "port"), _as_it_is),
    "JupyterHub.bind_url": (("proxy", "port"), _port_of),
    "ConfigurableHTTPProxy.api_url": (("proxy", "api_port"), _port_of),
    "JupyterHub.cookie_max_age_days": (("login", "session"), _days),
    "JupyterHub.admin_access": (("login", "admin_access"), _truth),
    "JupyterHub.allow_named_servers": (("server", "named"), _named),
    "JupyterHub.named_server_limit_per_user": (("server", "named"), _named),
    "JupyterHub.ssl_cert": (("front", "certificate"), lambda path: {"certificate": path}),
    "JupyterHub.ssl_key": (("front", "certificate"), lambda path: {"key": path}),
    "Authenticator.allowed_groups": (("login", "allowed_groups"), _groups),
    "Authenticator.group_whitelist": (("login", "allowed_groups"), _groups),
    "Authenticator.admin_groups": (("login", "admin_groups"), _groups),
    "Spawner.notebook_dir": (("server", "root"), _folder),
    "Spawner.default_url": (("server", "interfaces"), _interface),
}
"""Each setting that has a key in site.yml, with the function that converts its value."""

SAME = {
    "JupyterHub.spawner_class": ("profilesspawner", "slurmspawner"),
    "JupyterHub.authenticator_class": ("pam", "jupyterhub.auth.pamauthenticator"),
    "JupyterHub.ip": ("", "127.0.0.1", "localhost"),
    "JupyterHub.base_url": ("/",),
    "JupyterHub.cleanup_servers": ("false",),
    "JupyterHub.cleanup_proxy": ("false",),
    "Spawner.disable_user_config": ("true",),
}
"""The values that sitekit always uses: setting -> values in small letters. A setting with such a
value needs no key in site.yml."""

REASONS = {
    "JupyterHub.db_url": "sitekit has its own database, in paths.state; users log in once more",
    "JupyterHub.cookie_secret_file": "sitekit makes its own secret; users log in once more",
    "JupyterHub.services": "sitekit runs its own services; each tier has its idle limit",
    "JupyterHub.load_roles": "write it into a file in config/local.d/",
    "JupyterHub.template_paths": "sitekit has its own pages, in config/templates/",
    "JupyterHub.authenticator_class": "login.method names the login; see docs/login.md",
    "JupyterHub.base_url": "a site has a host name of its own, and its pages begin at /",
    "Authenticator.admin_users": "login.admin_groups names Unix groups",
    "Authenticator.allowed_users": "login.allowed_groups names Unix groups",
    "Authenticator.whitelist": "login.allowed_groups names Unix groups",
    "Authenticator.service": "make apply writes a PAM service of its own",
    "Spawner.environment": "the job gets its environment from sitekit; see server.user_variables",
    "Spawner.env_keep": "the job gets its environment from sitekit; see server.user_variables",
    "Spawner.http_timeout": "start_timeout of a tier covers the queue and the start",
    "Spawner.poll_interval": "the hub reads Slurm's queue once for all servers",
    "JupyterHub.last_activity_interval": "sitekit sets it for its idle limits",
    "Spawner.batch_script": "sitekit has its own job script",
    "Spawner.cmd": "sitekit has its own command, which runs the servers of its release",
}
"""For each setting that is not converted, a text with the reason, or with what replaces the
setting."""

_LOGINS = ("LocalAuthenticator", "PAMAuthenticator")
_SPAWNERS = ("WrapSpawner", "ProfilesSpawner", "SlurmSpawner", "BatchSpawner", "BatchSpawnerBase")


def plain_name(name: str) -> str:
    """Return the name of a setting with the general class Authenticator or Spawner. For example,
    `SlurmSpawner.cmd` becomes `Spawner.cmd`."""
    owner, _, trait = name.partition(".")
    owner = "Authenticator" if owner in _LOGINS else "Spawner" if owner in _SPAWNERS else owner
    return f"{owner}.{trait}"


def site_keys(config: Config, taken: set[str]) -> Iterator[tuple[Key, Any, Setting]]:
    """Yield each key of site.yml that follows from a setting, as (key, value, setting).

    `taken` has the names of the settings that belong to tiers, which this function ignores.
    Settings that cannot be converted are recorded in `config`, for the report to the administrator.
    """
    for setting in config.settings.values():
        name = plain_name(setting.name)
        if setting.name in taken or _is_same(name, setting.value):
            continue
        try:
            if isinstance(setting.value, Unknown):
                raise NotCarried(f"the value of `{setting.value.text}` is not computed")
            if name not in KEYS:
                raise NotCarried(REASONS.get(name, "sitekit has no key for it"))
            key, convert = KEYS[name]
            yield key, convert(setting.value), setting
        except NotCarried as why:
            config.leave(setting.line, f"c.{setting.name}", REASONS.get(name, str(why)))


def _is_same(name: str, value: Any) -> bool:
    """Return True if sitekit always uses this value for the setting. The site file then needs no
    key."""
    word = str(getattr(value, "text", value)).lower()
    if name == "JupyterHub.spawner_class":
        word = word.rpartition(".")[2]
    return word in SAME.get(name, ())
