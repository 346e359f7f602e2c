"""Define all commands in one table, for the command line, `make help` and docs/commands.md."""

from __future__ import annotations

from .make_command import Command

GROUPS: dict[str, dict[str, Command]] = {
    "The site file": {
        "new_site": Command(
            "write a small config/site.yml",
            "sitekit.site.new_site:new_site",
            site=False,
            variables={
                "NAME": "the site's short name, which is part of the names of services and folders",
                "URL": "the address that users open, https://...",
                "GROUP": "the Unix group whose members may log in",
                "PREFIX": "the folder for the environment and the kernels, on the shared filesystem",
                "PARTITION": "the Slurm partition of the first tier",
            },
            details="The command never overwrites an existing config/site.yml.",
        ),
        "check_site": Command(
            "check the site file; print file, line and key of every error",
            "sitekit.site.show:check_site",
        ),
        "show": Command("print the site file with all defaults", "sitekit.site.show:show"),
    },
    "The environment (as the owner of the prefix)": {
        "setup_conda": Command(
            "install the packages of environment.yml into a new release",
            "sitekit.environment.commands:setup_conda",
            variables={"BUNDLE": "a file that `make bundle` wrote, to build without a network"},
            details="You can interrupt the command and run it again. It then skips finished steps.",
        ),
        "install_all": Command(
            "install sitekit and the lab's extensions into the new release, verify it, and make it current",
            "sitekit.environment.commands:install_all",
        ),
        "lock": Command(
            "write environment.lock, the exact list of packages for setup_conda",
            "sitekit.environment.commands:lock",
        ),
        "bundle": Command(
            "write the current release to one file, for a site without a network",
            "sitekit.environment.commands:bundle",
            variables={"FILE": "the name of the file; default: sitekit-RELEASE.tar"},
        ),
        "releases": Command(
            "list the releases with age and size, and which of them are current or in use",
            "sitekit.operations.upgrade.commands:releases",
        ),
        "upgrade": Command(
            "build a release with the newest packages, verify it, make it current, and restart only the hub",
            "sitekit.operations.upgrade.commands:upgrade",
        ),
        "rollback": Command(
            "make the previous release current again, and restart only the hub",
            "sitekit.operations.upgrade.commands:rollback",
            variables={"RELEASE": "the name of another release, as `make releases` lists it"},
        ),
        "prune_releases": Command(
            "remove old releases, except those in use",
            "sitekit.operations.upgrade.commands:prune_releases",
            variables={"KEEP": "how many of the newest releases to keep; default: 2"},
        ),
        "advisories": Command(
            "list the installed packages that have known vulnerabilities",
            "sitekit.operations.advisories.commands:advisories",
            variables={
                "OSV": "a file, a folder or an https address with advisories in the OSV format"
            },
        ),
        "uninstall_environment": Command(
            "remove all releases, the link to the current one, and the cache; keep other files",
            "sitekit.operations.upgrade.commands:uninstall_environment",
            variables={"UNINSTALLED": "1 confirms that no host runs the site any more"},
        ),
    },
    "The kernels (as the owner of the prefix)": {
        "kernels": Command(
            "make Jupyter kernels of the cluster's modules, test them, and publish those that work",
            "sitekit.kernels.commands:kernels",
        ),
        "kernels_diff": Command(
            "show what `make kernels` would change", "sitekit.kernels.commands:kernels_diff"
        ),
        "kernels_check": Command(
            "start every published kernel again; hide or flag those that fail, show those that pass",
            "sitekit.kernels.commands:kernels_check",
        ),
        "kernels_import": Command(
            "convert the envkernel lines of a Makefile to a kernels.yml, and print it",
            "sitekit.kernels.commands:kernels_import",
            variables={"MAKEFILE": "the path of the Makefile"},
        ),
        "images_check": Command(
            "test the container images from which users choose; users can start those that work",
            "sitekit.kernels.commands:images_check",
            variables={"IMAGE": "the key of one image; default: all"},
            details="Run it on a machine that has the engine, and again after each change of an image.",
        ),
    },
    "The machine": {
        "diff": Command(
            "show what `make apply` would change on this machine",
            "sitekit.machine.apply.commands:diff",
            details="The command needs no root. `scripts/kit diff` exits with 1 if something would change.",
        ),
        "apply": Command(
            "write services, web server, sudo rules and PAM files; undo all changes if a step fails",
            "sitekit.machine.apply.commands:apply",
            root=True,
        ),
        "gate_bundle": Command(
            "write one file with what the login node needs, for a hub outside the cluster",
            "sitekit.machine.login_node.bundle:gate_bundle",
            variables={"FILE": "its name; default: sitekit-NAME-login-node.tar"},
        ),
        "uninstall": Command(
            "remove everything that `make apply` wrote",
            "sitekit.machine.uninstall.uninstall:uninstall",
            root=True,
            variables={"PURGE": "1 also removes the database, the logs and the backups"},
        ),
        "start": Command(
            "start the site's services", "sitekit.machine.run.commands:start", root=True
        ),
        "stop": Command(
            "stop the site's services; users' servers keep running",
            "sitekit.machine.run.commands:stop",
            root=True,
        ),
        "status": Command(
            "print the state of the services and the kernels, and open problems",
            "sitekit.machine.run.commands:status",
            root=True,
        ),
        "doctor": Command(
            "check the whole site; print each fault and how to repair it, causes first; change nothing",
            "sitekit.operations.doctor.commands:doctor",
            variables={
                "CHECK": "ids or subjects of checks, with commas",
                "USER": "the user under whose account users' checks run",
                "NODES": "1 also runs a short job of this user in each partition",
                "JSON": "1 prints JSON",
                "JUNIT": "a file for the result in JUnit's format",
                "SECONDS": "the time limit; default: 30",
                "OSV": "files or folders with advisories in the OSV format",
            },
            details="Exits with 0 if nothing needs attention, 1 for an error, 3 for warnings only.",
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
            "sitekit.machine.web.expiry:certificate_check",
            details="Exits with 1 if a certificate expires within three weeks.",
        ),
        "maintenance_on": Command(
            "show the maintenance page to all clients outside of front.maintenance_allow",
            "sitekit.machine.web.maintenance:maintenance_on",
            root=True,
        ),
        "maintenance_off": Command(
            "open the site again", "sitekit.machine.web.maintenance:maintenance_off", root=True
        ),
    },
    "A workshop on this machine": {
        "accounts": Command(
            "create accounts for participants, each with a password of its own",
            "sitekit.machine.participants.commands:accounts",
            root=True,
            variables={
                "COUNT": "how many",
                "PREFIX": "how the names begin: PREFIX=training makes training01, training02",
                "FIRST": "the first number; default: 1",
                "GROUP": "one of login.allowed_groups; default: the first",
                "PASSWORD": "same: one random password for all accounts",
            },
            details="If it was interrupted, run it again. It never changes an account that exists already.",
        ),
        "accounts_slips": Command(
            "write a page with a slip for each account: address, QR code, user and password",
            "sitekit.machine.participants.commands:accounts_slips",
            root=True,
            variables={"PREFIX": "which accounts", "FORMAT": "html (default) or pdf"},
        ),
        "accounts_remove": Command(
            "remove the accounts that `make accounts` created",
            "sitekit.machine.participants.commands:accounts_remove",
            root=True,
            variables={
                "PREFIX": "which accounts",
                "DATA": "keep (default): keep the homes, which then belong to root; remove: delete the homes",
                "END": "1 kills running processes of the accounts; without END=1 the command refuses to run",
            },
            details="If it was interrupted, run it again.",
        ),
        "sizing": Command(
            "measure a server and a kernel, and print how many participants fit this machine",
            "sitekit.operations.sizing.commands:sizing",
            variables={"DATA": "the data that a participant reads into memory, such as 300M"},
        ),
    },
    "Courses": {
        "course_new": Command(
            "write a course file from arguments, or from answers at the terminal",
            "sitekit.operations.courses.new:course_new",
            variables={
                "COURSE": "the course's short name",
                "TITLE": "its title",
                "STARTS": "its first day, such as 2026-09-01, or day and time",
                "ENDS": "its last day, which is included, or day and time",
                "TIER": "the tier of its servers",
                "ROSTER": "a Unix group, or a file of names beside the course file",
                "INSTRUCTORS": "user names, with commas between them",
                "RESERVATION": "a reservation of Slurm",
                "KERNEL": "the kernel of new notebooks",
                "REPOSITORY": "the git repository of the material, https://...",
                "REF": "a branch or tag of the repository",
                "FOLDER": "a folder with the material, in place of REPOSITORY",
                "PAGE": "the file of the material that JupyterLab opens",
            },
        ),
        "course_check": Command(
            "check that a course can start: participants, reservation, kernel, material, homes, nodes",
            "sitekit.operations.courses.check:course_check",
            variables={"COURSE": "the course's short name"},
            details="Exits with 1 if something is missing.",
        ),
        "course_drill": Command(
            "start the servers of all participants at once, print figures and failures, and stop them",
            "sitekit.operations.courses.drill:course_drill",
            root=True,
            variables={
                "COURSE": "the course's short name",
                "COUNT": "how many participants, the first of the roster; default: all",
            },
            details="The servers run in the participants' accounts and copy the material to their homes.",
        ),
    },
    "The demo": {
        "demo": Command(
            "install and start a complete cluster with a JupyterHub on this machine",
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
            "remove the demo, and list what is left on the machine",
            "sitekit.demo.commands:demo_reset",
            site=False,
            root=True,
        ),
    },
    "Development": {
        "test": Command("run all tests but the long ones; as root, start the demo and test it too"),
        "test_quick": Command("run the tests that need only Python, in parallel; needs no root"),
        "lint": Command("run ruff, mypy and import-linter"),
        "bench": Command("run the measurements; the demo must run", root=True),
        "soak": Command("run all tests, including the long ones", root=True),
    },
}
"""All commands by group. A command without a function is carried out by the Makefile itself."""

COMMANDS = {
    name: command
    for group in GROUPS.values()
    for name, command in group.items()
    if command.function
}
