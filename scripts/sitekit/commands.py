"""Define all commands in one table, for the command line, `make help` and docs/commands.md."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Command:
    """Describe one command.

    - `function`: `module:name`. It gets the arguments, and before them the Site if `site` is true.
    - `variables`: make's variables, as in `make rollback RELEASE=...`.
    - `details`: text for `make COMMAND HELP=1` only.
    """

    summary: str
    function: str = ""
    site: bool = True
    root: bool = False
    variables: dict[str, str] = field(default_factory=dict)
    details: str = ""


GROUPS: dict[str, dict[str, Command]] = {
    "The site file": {
        "new_site": Command(
            "write a small config/site.yml",
            "sitekit.site.new_site:new_site",
            site=False,
            variables={
                "NAME": "a short name of the site, in file names and accounts",
                "URL": "the address that users open, https://...",
                "GROUP": "the Unix group whose members may log in",
                "PREFIX": "the folder of the environment, on the shared filesystem",
                "PARTITION": "the Slurm partition of the first tier",
            },
            details="An existing config/site.yml is never overwritten.",
        ),
        "check_site": Command(
            "check the site file; print file, line and key of every error",
            "sitekit.site.show:check_site",
        ),
        "show": Command("print the site file with all defaults", "sitekit.site.show:show"),
    },
    "The environment (as the owner of the prefix)": {
        "setup_conda": Command(
            "build a release of the hub's environment from environment.yml",
            "sitekit.environment.commands:setup_conda",
            variables={"BUNDLE": "a file of `make bundle`: build from it, without a network"},
            details="Can be interrupted and run again: finished steps are skipped.",
        ),
        "install_all": Command(
            "install sitekit and the lab's extensions into the release, check it, switch to it",
            "sitekit.environment.commands:install_all",
        ),
        "lock": Command(
            "write environment.lock: exactly which packages setup_conda is to install",
            "sitekit.environment.commands:lock",
        ),
        "bundle": Command(
            "write the release in use to one file, for a site without a network",
            "sitekit.environment.commands:bundle",
            variables={"FILE": "its name; default: sitekit-RELEASE.tar"},
        ),
        "releases": Command(
            "list the releases: age, size, which is current, which are in use",
            "sitekit.operations.upgrade.commands:releases",
        ),
        "upgrade": Command(
            "build the newest packages of environment.yml, verify them, switch; restarts the hub only",
            "sitekit.operations.upgrade.commands:upgrade",
        ),
        "rollback": Command(
            "switch back to the previous release; restarts the hub only",
            "sitekit.operations.upgrade.commands:rollback",
            variables={"RELEASE": "another release, by the name that `make releases` lists"},
        ),
        "prune_releases": Command(
            "remove old releases, and never one in use",
            "sitekit.operations.upgrade.commands:prune_releases",
            variables={"KEEP": "how many to keep; default: 2"},
        ),
        "advisories": Command(
            "compare the installed packages with known vulnerabilities",
            "sitekit.operations.advisories.commands:advisories",
            variables={"OSV": "a file, a folder or an https address in the OSV format"},
        ),
        "uninstall_environment": Command(
            "remove all releases, and nothing else below the prefix",
            "sitekit.operations.upgrade.commands:uninstall_environment",
            variables={"UNINSTALLED": "1: no host runs the site any more"},
        ),
    },
    "The kernels (as the owner of the prefix)": {
        "kernels": Command(
            "make Jupyter kernels of the cluster's modules", "sitekit.kernels.commands:kernels"
        ),
        "kernels_diff": Command(
            "show what `make kernels` would change", "sitekit.kernels.commands:kernels_diff"
        ),
        "kernels_check": Command(
            "start every published kernel again; hide those that fail, show those that pass again",
            "sitekit.kernels.commands:kernels_check",
        ),
        "kernels_import": Command(
            "print the kernels.yml for an older Makefile's envkernel lines",
            "sitekit.kernels.commands:kernels_import",
            variables={"MAKEFILE": "its path"},
        ),
    },
    "The machine": {
        "diff": Command(
            "show what `make apply` would change on this machine",
            "sitekit.machine.apply.commands:diff",
            details="Needs no root. `scripts/kit diff` exits with 1 if something would change.",
        ),
        "apply": Command(
            "write services, web server, sudo rules and PAM files: all, or nothing",
            "sitekit.machine.apply.commands:apply",
            root=True,
        ),
        "gate_bundle": Command(
            "write one file with what the login node needs, for a hub outside the cluster",
            "sitekit.machine.login_node.bundle:gate_bundle",
            variables={"FILE": "its name; default: sitekit-NAME-login-node.tar"},
        ),
        "uninstall": Command(
            "remove what `make apply` wrote",
            "sitekit.machine.uninstall.uninstall:uninstall",
            root=True,
            variables={"PURGE": "1: the database, logs and backups too"},
        ),
        "start": Command(
            "start the site's services", "sitekit.machine.run.commands:start", root=True
        ),
        "stop": Command(
            "stop the site's services; users' servers stay up",
            "sitekit.machine.run.commands:stop",
            root=True,
        ),
        "status": Command(
            "show which services run", "sitekit.machine.run.commands:status", root=True
        ),
        "backup": Command(
            "write database, secrets and configuration to one file",
            "sitekit.machine.backup.backup:backup",
            root=True,
        ),
        "restore": Command(
            "restore a backup, on this machine or another",
            "sitekit.machine.backup.restore:restore",
            site=False,
            root=True,
            variables={"FROM": "the file of `make backup`"},
        ),
        "rotate_secrets": Command(
            "replace the secrets of hub and proxy; servers keep running, users log in again",
            "sitekit.machine.apply.rotate_secrets:rotate_secrets",
            root=True,
        ),
        "certificate": Command(
            "ask the ACME server for the certificate, where nginx is the front",
            "sitekit.machine.web.certbot:certificate",
            root=True,
        ),
        "certificate_check": Command(
            "say how long the certificates last that web server and proxy show",
            "sitekit.machine.web.expiry:certificate_check",
            details="Ends with 1 three weeks before the end of one.",
        ),
        "maintenance_on": Command(
            "show the maintenance page to all but front.maintenance_allow",
            "sitekit.machine.web.maintenance:maintenance_on",
            root=True,
        ),
        "maintenance_off": Command(
            "open the site again", "sitekit.machine.web.maintenance:maintenance_off", root=True
        ),
    },
    "The demo": {
        "demo": Command(
            "bring up a whole cluster with its JupyterHub on this one machine",
            "sitekit.demo.commands:demo",
            site=False,
            root=True,
        ),
        "demo_status": Command(
            "print the demo's address, users, passwords and services",
            "sitekit.demo.commands:demo_status",
            site=False,
            root=True,
        ),
        "demo_stop": Command(
            "stop the demo", "sitekit.demo.commands:demo_stop", site=False, root=True
        ),
        "demo_reset": Command(
            "remove the demo, and list what stays behind",
            "sitekit.demo.commands:demo_reset",
            site=False,
            root=True,
        ),
    },
    "Development": {
        "test": Command("run every test; as root it brings the demo up and tests it"),
        "test_quick": Command(
            "run the tests that need nothing but Python, in parallel; no root needed"
        ),
        "lint": Command("run ruff and import-linter"),
        "bench": Command("measure; the demo must be up", root=True),
        "soak": Command("run the long tests too", root=True),
    },
}
"""All commands by group. The Makefile itself runs those without a function."""

COMMANDS = {
    name: command
    for group in GROUPS.values()
    for name, command in group.items()
    if command.function
}


def overview() -> str:
    """Return all commands, one line each, for `make help`."""
    lines = [
        "make COMMAND [VARIABLE=value]. make COMMAND HELP=1 explains a command.",
        "SITE=path selects another site file than config/site.yml; PYTHON=python3.12 another interpreter for sitekit.",
    ]
    for group, commands in GROUPS.items():
        lines += [
            "",
            f"{group}:",
            *(f"  {name:<21} {_line(command)}" for name, command in commands.items()),
        ]
    return "\n".join(lines)


def _line(command: Command) -> str:
    """Return the line of a command."""
    variables = f"; {'= '.join(command.variables)}=" if command.variables else ""
    return f"{command.summary}{variables}{' (as root)' if command.root else ''}"


def help_of(name: str) -> str:
    """Return the text for `sitekit NAME --help`."""
    command = COMMANDS[name]
    lines = [
        f"{'sudo ' if command.root else ''}make {name}",
        "",
        f"{command.summary[0].upper()}{command.summary[1:]}.",
    ]
    lines += [command.details] if command.details else []
    if command.variables:
        lines += [
            "",
            "Variables:",
            *(f"  {key:<12} {what}" for key, what in command.variables.items()),
        ]
    return "\n".join(lines)


def page() -> str:
    """Return the page docs/commands.md."""
    return "\n".join(_page())


def _page() -> Iterator[str]:
    """Yield the lines of the page."""
    yield "# Commands\n"
    yield "Each is a target of make. This page and `make help` come from the table in `scripts/sitekit/commands.py`."
    yield "`make COMMAND HELP=1` prints one entry. SITE=path selects another site file than `config/site.yml`.\n"
    yield "Exit codes: 0 done, 1 failed, 2 refused before anything changed, 130 interrupted."
    for group, commands in GROUPS.items():
        yield f"\n## {group}\n"
        yield "| command | what it does | variables |\n|---|---|---|"
        for name, command in commands.items():
            details = f". {command.details}" if command.details else ""
            variables = "<br>".join(f"`{key}`: {what}" for key, what in command.variables.items())
            yield f"| `{'sudo ' if command.root else ''}make {name}` | {command.summary}{details} | {variables} |"
    yield ""
