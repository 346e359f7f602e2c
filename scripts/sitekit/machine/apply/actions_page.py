"""Generate the page docs/installer-actions.md from the plan that `make apply` executes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ...site import Site
from ..host.platform import Platform
from ..host.target import Target
from ..installed.entries import NOTHING
from ..installed.manifest import Manifest, manifest_path
from ..render.machine_secrets import generated_files_of
from ..render.purposes import purpose
from ..render.rendered_files import folders, render
from ..render.services import site_services
from ..web.apache_links import links
from ..web.config import modules
from .actions import Action, NewAccount, NewFolder, NewGroup, NewLink, NewMember, Write
from .execute import KEPT, before_path
from .machine_state import MachineState, beside
from .make_plan import make_plan

HEAD = """\
# What sitekit does to a machine

Everything that `sudo make apply` and the other commands of the machine change, for a site named `{name}` with systemd
on Debian. This page is made by the code that plans the changes, and a test holds the two together. `make diff` shows
the same for your own site and machine, with the contents of the files, before anything happens.

## sudo make apply

It looks at the machine, plans, and has every file that would change read by the program that it is for: `visudo`,
the web server, `systemd-analyze verify`, libpam, `logrotate --debug`, Python, and the release's JupyterHub. Then it
does what follows, in this order. When a step fails, or a service that ran does not answer afterwards, all of it is
undone, byte for byte.

What is there already stays, and is not recorded: folders, accounts, groups, memberships, links. A file that is there
already, or that was changed by hand, stays as well; what the site says is laid beside it as `.new` (for logrotate as
`.dpkg-new`, which it passes over). Only a folder of the site's own gets its owner and mode, and the hub's with all in
it; `make uninstall` gives it back as it was.
"""

TAIL = """\
Folders of the distribution are made where they are missing: {shared}.

It also keeps its own records:

| what | why |
|---|---|
| `{manifest}` | all of the above with hashes, for the next apply and for uninstall |
| `{before}/` | what the last {kept} applies replaced or removed, but for secrets; root's alone |

Before the link to the virtual host come those in `{enabled}/` for the modules {names}, and
for what these depend on (`# Depends:` in their `.load` files). Modules that somebody enabled before stay as they are.

`/run/sitekit.lock` keeps a second sitekit out; it is root's alone, and stays until the next boot.

Services that run, and read something that changed, take it in: Apache reloads, hub and proxy restart. What is stopped
stays so. What the site no longer asks for goes: files, links, memberships, secrets; its services stop, and are disabled
under systemd. Those that are new start, and are enabled under systemd, where their like ran before, or the proxy.

The machine's own web server first reads its whole configuration, with the changes in it (`{test}`).
It reloads, or restarts for modules that it did not have, and has to hand the site's address to the site afterwards.

Users' servers are Slurm's jobs, and are not touched. After a change below `/etc/systemd` comes `systemctl
daemon-reload`. `/etc/passwd-` and the other copies that the account tools keep stay what they were: they hold what the
last administrator's change replaced. The lock that these tools leave, `/etc/.pwd.lock`, stays.

## sudo make start, sudo make stop

`start` makes `{run}/`, enables these units and starts them; `stop` stops and disables them. Under supervisord there
are no units and no timers: one supervisord runs as root, with its socket in `{run}/`.

| unit | runs as | what |
|---|---|---|
{services}

What they write while they run, besides the journal:

| where | what | whose |
|---|---|---|
| `{state}/` | database, ledger, cookie secret | `{hub}` |
| `{log}/` | the web server's logs; under supervisord all logs | root |
| `{backups}/` | nightly backups | root |
| `~/{jobs}/` | the logs of a user's jobs | each user |

## sudo make backup, restore, rotate_secrets

`backup` writes one file into `{backups}/`, and removes all but the newest {keep}.

`restore` makes the folders of state and secrets, fills them, and records that. The files of the checkout (`config/`,
`kernels/kernels.yml`) are written where they are missing, else beside as `.new`.

`rotate_secrets` replaces `{token}` and `{state}/cookie_secret`, and restarts proxy and hub.

## sudo make uninstall

Stops the services of the site as it was applied, and takes away everything that the manifest lists, with `{run}/`; the
manifest and the site as applied go last, so that a second try does what a first one could not. The machine's own web
server takes its configuration in without the site. It leaves, and says so: files and links that were changed by hand;
files that were there before; links to modules that another site of the web server has come to need; accounts that
another site has as well; state, logs and backups, which become root's alone (`PURGE=1` removes what is in them, where
sitekit has made the folder). Not touched at all: users' homes, running jobs, packages, and the prefix with releases and
kernels.
"""


def page(site: Site, platform: Platform) -> str:
    """Return the text of the page for a site on a machine where nothing is installed yet."""
    files, generated_files = (
        render(site, platform),
        generated_files_of(Target(site, Path("/nonexistent"))),
    )
    wanted = links(Target(site, Path("/nonexistent")), platform)
    paths = [
        *files,
        *generated_files,
        *wanted,
        *map(beside, [*files, *generated_files]),
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
    rows = "\n".join(
        _rows(make_plan(site, platform, files, generated_files, wanted, bare, Manifest()).actions)
    )
    services = [
        f"| `{s.name}.service` | `{s.user}` | {s.description} |"
        for s in site_services(site, platform)
    ]
    timers = sorted(path for path in files if path.suffix == ".timer")
    passing = "a passing account"  # systemd's DynamicUser=
    whose = {
        path: passing
        if "DynamicUser=yes" in files[path.with_suffix(".service")].content
        else "`root`"
        for path in timers
    }
    services += [f"| `{path.name}` | {whose[path]} | {purpose(path)} |" for path in timers]
    shared = [
        f"`{path}`"
        for path, folder in folders(site, platform).items()
        if folder.shared and not _ours(path)
    ]
    web = platform.apache
    tail = TAIL.format(
        names=", ".join(modules(site)), enabled=web.links.modules if web.links else None, test=web.control.test,
        shared=", ".join(shared), manifest=manifest_path(site), before=before_path(site), kept=KEPT, run=site.run,
        log=site.log, jobs=site.log_dir, state=site.paths.state, hub=site.hub.user, backups=site.backups,
        keep=site.backup.keep, token=site.etc / "proxy.env", services="\n".join(services),
    )  # fmt: skip
    return f"{HEAD.format(name=site.name)}\n| what | whose | mode | why |\n|---|---|---|---|\n{rows}\n\n{tail}"


def _ours(path: Path) -> bool:
    """Return whether the path is one that only sitekit uses."""
    return "sitekit" in path.parts


def _rows(actions: list[Action]) -> Iterator[str]:
    """Yield the table rows of the page, one for each action."""
    for action in actions:
        if isinstance(action, NewFolder):
            if _ours(action.path):
                whose = "of all sites" if action.folder.shared else "the site's own"
                yield f"| folder `{action.path}/` | {action.folder.owner} | {action.folder.mode:04o} | {whose} |"
        elif isinstance(action, Write):
            group = f", group of {action.file.group_of}" if action.file.group_of else ""
            whose = f"{action.file.owner}{group}"
            yield f"| file `{action.path}` | {whose} | {action.file.mode:04o} | {purpose(action.path)} |"
        elif isinstance(action, NewLink):
            yield f"| link `{action.path}` | | | {purpose(action.path)} |"
        elif isinstance(action, NewGroup):
            yield f"| group `{action.name}` | | | of the account of that name |"
        elif isinstance(action, NewAccount):
            yield f"| account `{action.account.name}` | | | {action.account.why}; no password, no login |"
        elif isinstance(action, NewMember):
            yield f"| `{action.user}` in group `{action.group}` | | | {action.why} |"
