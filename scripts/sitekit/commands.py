"""Define all commands in one table, for the command line, `make help` and docs/commands.md."""

from __future__ import annotations

from .command_definition import Command
from .operating_commands import OPERATING
from .workshop_commands import WORKSHOP_AND_COURSES

GROUPS: dict[str, dict[str, Command]] = {
    "The site file": {
        "new_site": Command(
            "write a small config/site.yml",
            "sitekit.site.new_site:new_site",
            site=False,
            variables={
                "NAME": "the site's short name, which is part of the names of services and folders",
                "URL": "the URL that users open, https://...",
                "GROUP": "the Unix group whose members may log in",
                "PREFIX": "the folder for the environment and the kernels, on the shared filesystem",
                "PARTITION": "the Slurm partition of the first tier",
            },
            details="The command never overwrites an existing config/site.yml.",
        ),
        "import_aalto": Command(
            "write site.yml and kernels.yml from a jupyterhub_config.py with ProfilesSpawner or batchspawner, "
            "and from its Makefile",
            "sitekit.operations.import_aalto.commands:import_aalto",
            site=False,
            variables={
                "FROM": "the folder with jupyterhub_config.py and, if there is one, Makefile",
                "TO": "the new folder for the two files; default: config/imported",
            },
            details="The command runs no program from the folder, and prints what it cannot convert.",
        ),
        "check_site": Command(
            "check the site file; print file, line and key of every error",
            "sitekit.site.show:check_site",
        ),
        "show": Command("print the site file with all defaults", "sitekit.site.show:show"),
        "docs": Command(
            "build the documentation as a web site, with this site's sizes and kernels, for the hub to show",
            "sitekit.operations.pages.build_site:docs",
            variables={"TO": "the folder to write; default: docs in the prefix"},
            details="Run the command as the owner of the prefix, and again after a change of tiers or kernels.",
        ),
    },
    "The environment (as the owner of the prefix)": {
        "setup_conda": Command(
            "install the packages of environment.yml into a new release",
            "sitekit.environment.commands:setup_conda",
            variables={
                "BUNDLE": "a file that `make bundle` wrote, to build without access to the internet"
            },
            details="You can interrupt the command and run it again: the second run skips finished steps.",
        ),
        "install_all": Command(
            "install sitekit and JupyterLab's extensions into the new release, verify the release, and make it current",
            "sitekit.environment.commands:install_all",
        ),
        "lock": Command(
            "write environment.lock, the exact list of packages that setup_conda installs",
            "sitekit.environment.commands:lock",
        ),
        "bundle": Command(
            "write the packages of the current release to one file, for a site without access to the internet",
            "sitekit.environment.commands:bundle",
            variables={"FILE": "the name of the file; default: sitekit-RELEASE.tar"},
        ),
        "releases": Command(
            "list the releases with age and size; show which release is current, and what uses each release",
            "sitekit.operations.upgrade.commands:releases",
        ),
        "upgrade": Command(
            "build a release with the newest packages, verify the release, make it current, and restart only the hub",
            "sitekit.operations.upgrade.commands:upgrade",
        ),
        "rollback": Command(
            "make the previous release current again, and restart only the hub",
            "sitekit.operations.upgrade.commands:rollback",
            variables={"RELEASE": "the name of another release, as `make releases` lists it"},
        ),
        "prune_releases": Command(
            "remove old releases, except releases in use",
            "sitekit.operations.upgrade.commands:prune_releases",
            variables={"KEEP": "how many of the newest releases to keep; default: 2"},
        ),
        "advisories": Command(
            "list the installed packages that have known vulnerabilities",
            "sitekit.operations.advisories.commands:advisories",
            variables={"OSV": "a file, a folder or an https URL with advisories in the OSV format"},
        ),
        "uninstall_environment": Command(
            "remove all releases, the link `current` and the cache; keep all other files in the prefix",
            "sitekit.operations.upgrade.commands:uninstall_environment",
            variables={"UNINSTALLED": "1 confirms that no host runs the site any more"},
        ),
    },
    "The kernels (as the owner of the prefix)": {
        "kernels": Command(
            "make Jupyter kernels from the cluster's modules, test the kernels, and publish the kernels that work",
            "sitekit.kernels.commands:kernels",
        ),
        "kernels_diff": Command(
            "show what `make kernels` would change", "sitekit.kernels.commands:kernels_diff"
        ),
        "kernels_check": Command(
            "test every published kernel again; hide or flag kernels that fail, and show kernels that pass",
            "sitekit.kernels.commands:kernels_check",
        ),
        "kernels_import": Command(
            "convert the envkernel lines of a Makefile to a kernels.yml, and print this kernels.yml",
            "sitekit.kernels.commands:kernels_import",
            site=False,
            variables={"MAKEFILE": "the path of the Makefile"},
        ),
        "images_check": Command(
            "test the container images from which users choose; users can start only the images that passed the test",
            "sitekit.kernels.commands:images_check",
            variables={"IMAGE": "the key of one image; default: all"},
            details="Run the command on a machine with the container engine, and again after each change of an image.",
        ),
        "applications_check": Command(
            "test the applications beside JupyterLab; servers offer only the applications that answered",
            "sitekit.kernels.commands:applications_check",
            variables={"APPLICATION": "the key of one application; default: all"},
            details="Run the command on a machine that has the modules, and again after each change of an application.",
        ),
    },
    "The machine": {
        "diff": Command(
            "show what `make apply` would change on this machine",
            "sitekit.operations.doctor.before_commands:diff",
            details="The command needs no root. `scripts/kit diff` exits with 1 if something would change.",
        ),
        "apply": Command(
            "write the files for services, web server, sudo and PAM; undo all changes if a step fails",
            "sitekit.operations.doctor.before_commands:apply",
            root=True,
        ),
        "gate_bundle": Command(
            "write the files for the login node into one tar file, for a hub outside the cluster",
            "sitekit.machine.login_node.gate_bundle:gate_bundle",
            variables={"FILE": "the name of the tar file; default: sitekit-NAME-login-node.tar"},
        ),
        "uninstall": Command(
            "remove everything that `make apply` wrote",
            "sitekit.machine.uninstall.uninstall:uninstall",
            root=True,
            variables={"PURGE": "1 also removes the database, the logs and the backups"},
        ),
        "start": Command(
            "start the site's services",
            "sitekit.operations.doctor.before_commands:start",
            root=True,
            details="If a check finds an error, the command starts no service, prints all errors, and exits with 2.",
        ),
        "stop": Command(
            "stop the site's services; users' servers keep running",
            "sitekit.machine.run.start_and_stop:stop",
            root=True,
        ),
        "status": Command(
            "print the state of services, servers, Slurm, kernels, certificates and disks",
            "sitekit.operations.status.commands:status",
            variables={"JSON": "1 prints JSON"},
            details="Without root, the command lists what it cannot read. Exits with 1 if something needs attention.",
        ),
        "top": Command(
            "show servers, queue and memory, and update the view every two seconds; q ends",
            "sitekit.operations.status.commands:top",
            details="Run the command as root to see tiers and memory. Without a terminal, it prints plain text.",
        ),
        "backup": Command(
            "write database, secrets and configuration to one file",
            "sitekit.machine.backup.backup:backup",
            root=True,
        ),
        "restore": Command(
            "restore a backup on this machine or another one",
            "sitekit.machine.backup.restore:restore",
            site=False,
            root=True,
            variables={"FROM": "the file that `make backup` wrote"},
        ),
        "rotate_secrets": Command(
            "replace the secrets of hub and proxy; servers keep running, but users have to log in again",
            "sitekit.machine.apply.rotate_secrets:rotate_secrets",
            root=True,
        ),
        "certificate": Command(
            "request the certificate from the ACME server (`certificate: acme` with nginx)",
            "sitekit.machine.web.certbot:certificate",
            root=True,
        ),
        "certificate_check": Command(
            "check how long the certificates of web server and proxy are valid",
            "sitekit.machine.web.certificate_expiry:certificate_check",
            details="Exits with 1 if a certificate expires within three weeks.",
        ),
        "maintenance_on": Command(
            "show the maintenance page to all users, except from the addresses in front.maintenance_allow",
            "sitekit.machine.web.maintenance:maintenance_on",
            root=True,
        ),
        "maintenance_off": Command(
            "show the site to all users again",
            "sitekit.machine.web.maintenance:maintenance_off",
            root=True,
        ),
    },
    "Looking after a running site": OPERATING,
    **WORKSHOP_AND_COURSES,
    "The demo": {
        "demo": Command(
            "install and start a complete cluster with a JupyterHub on this machine",
            "sitekit.demo.commands:demo",
            site=False,
            root=True,
        ),
        "demo_status": Command(
            "print the demo's URL, users, passwords and services",
            "sitekit.demo.commands:demo_status",
            site=False,
            root=True,
        ),
        "demo_stop": Command(
            "stop the demo", "sitekit.demo.commands:demo_stop", site=False, root=True
        ),
        "demo_reset": Command(
            "remove the demo, and list what stays on the machine",
            "sitekit.demo.commands:demo_reset",
            site=False,
            root=True,
        ),
    },
    "Development": {
        "test": Command(
            "run all tests but the long ones; as root, start the demo and test the demo too"
        ),
        "test_quick": Command("run the tests that need only Python, in parallel; needs no root"),
        "lint": Command("run ruff, mypy and import-linter"),
        "bench": Command("run the measurements; the demo must run", root=True),
        "soak": Command("run only the long tests; they take some hours", root=True),
    },
}
"""All commands by group. A command without a function is executed by the Makefile itself."""

COMMANDS = {
    name: command
    for group in GROUPS.values()
    for name, command in group.items()
    if command.function
}
