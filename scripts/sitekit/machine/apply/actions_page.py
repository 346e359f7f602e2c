"""Generate the page docs/installer-actions.md from the list of changes (the plan) that `make apply`
makes on a new machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ...site import Site
from ..host.file_to_write import File
from ..host.platform import Platform
from ..host.target import Target
from ..installed.manifest import Manifest, manifest_path
from ..installed.read_and_restore_path import NOTHING
from ..render.machine_secrets import generated_files_of
from ..render.purpose_of_files import purpose
from ..render.rendered_files import folders, render
from ..render.services_of_site import site_services
from ..web.apache_links import links
from ..web.config import modules
from .execute_plan import KEPT, before_path
from .kinds_of_changes import Action, NewAccount, NewFolder, NewGroup, NewLink, NewMember, Write
from .machine_state import MachineState, path_beside
from .make_plan import make_plan

HEAD = """\
# What sitekit does to a machine

This page lists everything that `sudo make apply` and the other commands change on a machine, for a site named
`{name}` with systemd on Debian. The code that plans the changes generates this page. For your own site and machine,
`make diff` prints the same list, with the contents of the files, before anything is changed.

The section [Words](../README.md#words) of the README explains *culler*, *front*, *gate*, *ledger*, *manifest*,
*prefix*, *release* and *slip*.

## sudo make apply

`make apply` first reads the state of the machine and makes a plan. `make apply` then tests every file that would
change, with the program that reads the file: `visudo`, the web server, `systemd-analyze verify`, libpam, `logrotate
--debug`, Python, or the release's JupyterHub. After these tests, `make apply` makes the changes in the following
table, in this order. If a step fails, or if a service that ran before does not answer afterwards, all changes are
undone, byte for byte.

If a folder, account, group, membership or link exists already, `make apply` keeps this object and does not record it.
If a file exists already, or was changed by hand, `make apply` keeps the file, and writes the new content beside it as
`.new` (for logrotate as `.dpkg-new`, which logrotate ignores). `make apply` changes the owner and mode only of the
site's own folders. In the hub's folder (`paths.state`), `make apply` changes the owner of all files too. `make
uninstall` restores owners and modes.
"""

TAIL = """\
Folders of the distribution are created if they are missing: {shared}.

`make apply` also keeps its own records:

| what | why |
|---|---|
| `{manifest}` | the manifest: a list of everything above, with hashes, for the next apply and for uninstall |
| `{before}/` | files that the last {kept} applies replaced or removed, except secrets; only root can read them |

Before the link to the virtual host, links in `{enabled}/` enable the modules {names}, and the modules that these
depend on (`# Depends:` in their `.load` files). Modules that were enabled before are not changed.

The lock file `/run/sitekit.lock` prevents two commands of sitekit from running at the same time. Only root can open
the lock file, which stays until the next boot.

If a running service reads a changed file, Apache is reloaded, and hub and proxy are restarted. Stopped services stay
stopped. Files, links, memberships and secrets that the site no longer needs are removed. Services that the site no
longer has are stopped, and disabled under systemd. New services are started, and enabled under systemd, if a service
with the same name ran before, or if the proxy ran before.

If the site uses the machine's own web server, `make apply` first tests the whole configuration of this web server
with the changes (`{test}`). After the test, the web server is reloaded, or restarted if a reload cannot load a
module. Afterwards, requests for the site's URL must reach the site.

Users' servers are Slurm jobs, and `make apply` does not change them. After a change below `/etc/systemd`, `make apply`
runs `systemctl daemon-reload`. Tools such as `useradd` keep copies of the account files, such as `/etc/passwd-`.
sitekit restores these copies, because they contain the state before the administrator's last change. The lock file of
these tools, `/etc/.pwd.lock`, stays.

## sudo make start, sudo make stop

`make start` creates `{run}/`, and enables and starts the units in this table. `make stop` stops and disables the
services. Under supervisord, there are no units and no timers. In place of the units, one supervisord runs as root,
with its socket in `{run}/`.

| unit | runs as | what |
|---|---|---|
{services}

While the services run, these services write to the journal, and to the files in this table:

| where | what | whose |
|---|---|---|
| `{state}/` | database, ledger, cookie secret | `{hub}` |
| `{log}/` | the web server's logs; under supervisord all services' logs | root |
| `{backups}/` | nightly backups | root |
| `~/{jobs}/` | the logs of a user's jobs | each user |

## sudo make backup, restore, rotate_secrets

`backup` writes one file to `{backups}/`, and removes all but the newest {keep} backups.

`restore` creates and fills the folders of state and secrets, and records them in the manifest. If files of the
checkout (`config/`, `kernels/kernels.yml`) are missing, `restore` writes them. If another version of a file exists,
`restore` writes the restored file beside it as `.new`.

`rotate_secrets` replaces `{token}`, `{state}/cookie_secret`, the token for metrics and the certificates of internal
TLS, and restarts proxy and hub. With `login.method: front`, `rotate_secrets` also replaces the secret that web server
and hub share, and reloads the web server.

## sudo make accounts, accounts_slips, accounts_remove

`accounts` creates accounts, each with its own group and home, and adds each account to a group of
`login.allowed_groups`. The record `/var/lib/sitekit-accounts/{name}/PREFIX.json` lists the accounts with their
passwords. `accounts_slips` writes `PREFIX.html` or `PREFIX.pdf` beside the record. Only root can read the record and
the slips.

`accounts_remove` removes the accounts that the record lists, their groups, crontabs, at jobs and mail, the record and
the slips. `accounts_remove` also deletes these users in the database of the hub. `DATA=remove` also removes the
homes. Without `DATA=remove`, the homes stay, and belong to root. `/var/lib/sitekit-accounts/highest_uid` stays.

## sudo make uninstall

`uninstall` stops the services of the applied site. After that, `uninstall` removes everything that the manifest
lists, and `{run}/`. The manifest and the applied site are removed last. Because of this order, a second run can do
the remaining steps of a run that failed. The machine's own web server is reloaded without the site.

`uninstall` keeps the following files and accounts, and prints each:

- files and links that were changed by hand, and files that existed before sitekit
- links to modules that another site of the web server now needs
- accounts that another site uses too
- state, logs and backups: after an uninstall, only root can read these data. `PURGE=1` removes these data too, from
  the folders that sitekit has created

`uninstall` does not change homes, accounts of participants, running jobs, packages, and the prefix with releases and
kernels.
"""


def page(site: Site, platform: Platform) -> str:
    """Return the text of docs/installer-actions.md, for a site on a machine where nothing is
    installed yet."""
    files = render(site, platform)
    rows = "\n".join(_rows(_first_actions(site, platform, files)))
    units = [*_service_rows(site, platform), *_timer_rows(files)]
    shared = [
        f"`{path}`"
        for path, folder in folders(site, platform).items()
        if folder.shared and not _ours(path)
    ]
    web = platform.apache
    tail = TAIL.format(
        name=site.name,
        names=", ".join(modules(site)), enabled=web.links.modules if web.links else None, test=web.control.test,
        shared=", ".join(shared), manifest=manifest_path(site), before=before_path(site), kept=KEPT, run=site.run,
        log=site.log, jobs=site.log_dir, state=site.paths.state, hub=site.hub.user, backups=site.backups,
        keep=site.backup.keep, token=site.etc / "proxy.env", services="\n".join(units),
    )  # fmt: skip
    return f"{HEAD.format(name=site.name)}\n| what | whose | mode | why |\n|---|---|---|---|\n{rows}\n\n{tail}"


def _first_actions(site: Site, platform: Platform, files: dict[Path, File]) -> list[Action]:
    """Return the actions of the first apply on a machine."""
    target = Target(site, Path("/nonexistent"))
    generated_files, wanted = generated_files_of(target), links(target, platform)
    paths = [
        *files,
        *generated_files,
        *wanted,
        *map(path_beside, [*files, *generated_files]),
        *folders(site, platform),
    ]
    own_group = {site.hub.user: site.hub.user, site.proxy.user: site.proxy.user}
    groups = frozenset([platform.shadow_group] if platform.shadow_group else [])
    bare = MachineState(
        dict.fromkeys(paths, NOTHING),
        {"root": (0, 0)},
        groups,
        frozenset(),
        own_group,
        {},
        site,
        Manifest(),
    )
    return make_plan(site, platform, files, generated_files, wanted, bare, Manifest()).actions


def _service_rows(site: Site, platform: Platform) -> Iterator[str]:
    """Yield a table row for each service of the site."""
    for service in site_services(site, platform):
        yield f"| `{service.name}.service` | `{service.user}` | {service.description} |"


def _timer_rows(files: dict[Path, File]) -> Iterator[str]:
    """Yield a table row for each systemd timer, with the account of the service that the timer
    starts."""
    for path in sorted(path for path in files if path.suffix == ".timer"):
        dynamic = "DynamicUser=yes" in files[path.with_suffix(".service")].content
        whose = "a temporary account" if dynamic else "`root`"
        yield f"| `{path.name}` | {whose} | {purpose(path)} |"


def _ours(path: Path) -> bool:
    """Return whether only sitekit uses the folder; False for a folder of the distribution."""
    return "sitekit" in path.parts


def _rows(actions: list[Action]) -> Iterator[str]:
    """Yield a table row for each change (action) of the first apply."""
    for action in actions:
        if isinstance(action, NewFolder):
            if _ours(action.path):
                whose = "for all sites" if action.folder.shared else "for this site"
                yield f"| folder `{action.path}/` | {action.folder.owner} | {action.folder.mode:04o} | {whose} |"
        elif isinstance(action, Write):
            group = f", group of {action.file.group_of}" if action.file.group_of else ""
            whose = f"{action.file.owner}{group}"
            yield f"| file `{action.path}` | {whose} | {action.file.mode:04o} | {purpose(action.path)} |"
        elif isinstance(action, NewLink):
            yield f"| link `{action.path}` | | | {purpose(action.path)} |"
        elif isinstance(action, NewGroup):
            yield f"| group `{action.name}` | | | the group of the account of that name |"
        elif isinstance(action, NewAccount):
            yield f"| account `{action.account.name}` | | | {action.account.why}; no password, no login |"
        elif isinstance(action, NewMember):
            yield f"| `{action.user}` in group `{action.group}` | | | {action.why} |"
