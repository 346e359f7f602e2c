"""The command line: one table from make targets to functions, and one place where errors become text and exit codes."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .base.data import CHECKOUT
from .base.errors import Problem, as_problem


@dataclass(frozen=True)
class Command:
    """Where a command's function lives. With `site` it gets the Site of site.yml first; words follow."""

    function: str
    site: bool = True


COMMANDS = {
    "new_site": Command("sitekit.site.new_site:new_site", site=False),
    "check_site": Command("sitekit.site.show:check_site"),
    "show": Command("sitekit.site.show:show"),
    "setup_conda": Command("sitekit.environment.commands:setup_conda"),
    "install_all": Command("sitekit.environment.commands:install_all"),
    "bundle": Command("sitekit.environment.commands:bundle"),
    "lock": Command("sitekit.environment.commands:lock"),
    "releases": Command("sitekit.operations.upgrade.commands:releases"),
    "upgrade": Command("sitekit.operations.upgrade.commands:upgrade"),
    "rollback": Command("sitekit.operations.upgrade.commands:rollback"),
    "prune_releases": Command("sitekit.operations.upgrade.commands:prune_releases"),
    "uninstall_environment": Command("sitekit.operations.upgrade.commands:uninstall_environment"),
    "kernels": Command("sitekit.kernels.commands:kernels"),
    "kernels_diff": Command("sitekit.kernels.commands:kernels_diff"),
    "kernels_check": Command("sitekit.kernels.commands:kernels_check"),
    "kernels_import": Command("sitekit.kernels.commands:kernels_import"),
    "diff": Command("sitekit.machine.apply.commands:diff"),
    "apply": Command("sitekit.machine.apply.commands:apply"),
    "uninstall": Command("sitekit.machine.uninstall.uninstall:uninstall"),
    "backup": Command("sitekit.machine.backup.backup:backup"),
    "restore": Command("sitekit.machine.backup.restore:restore", site=False),
    "rotate_secrets": Command("sitekit.machine.apply.rotate_secrets:rotate_secrets"),
    "start": Command("sitekit.machine.run.commands:start"),
    "stop": Command("sitekit.machine.run.commands:stop"),
    "status": Command("sitekit.machine.run.commands:status"),
    "certificate": Command("sitekit.machine.web.certbot:certificate"),
    "certificate_check": Command("sitekit.machine.web.expiry:certificate_check"),
    "maintenance_on": Command("sitekit.machine.web.maintenance:maintenance_on"),
    "maintenance_off": Command("sitekit.machine.web.maintenance:maintenance_off"),
    "advisories": Command("sitekit.operations.advisories.commands:advisories"),
    "demo": Command("sitekit.demo.commands:demo", site=False),
    "demo_status": Command("sitekit.demo.commands:demo_status", site=False),
    "demo_stop": Command("sitekit.demo.commands:demo_stop", site=False),
    "demo_reset": Command("sitekit.demo.commands:demo_reset", site=False),
}


def site_path() -> Path:
    """The site file in use: $SITE, else config/site.yml of the checkout."""
    return Path(os.environ.get("SITE") or CHECKOUT / "config" / "site.yml")


def main(words: list[str]) -> int:
    """Run one command; return its exit code: 0 done, 1 failed, 2 refused before anything changed, 130 interrupted."""
    if not words or words[0] not in COMMANDS:
        print(f"sitekit: say one of: {', '.join(COMMANDS)}", file=sys.stderr)
        return 2
    command = COMMANDS[words[0]]
    try:
        if command.site:
            from .site import load_site

            return _function(command)(load_site(site_path()), *words[1:])
        return _function(command)(*words[1:])
    except (Problem, OSError) as trouble:
        problem = as_problem(trouble)
        print(f"\nsitekit: {problem}" if problem.exit_code == 1 else str(problem), file=sys.stderr)
        return problem.exit_code
    except KeyboardInterrupt:
        print(f"\nsitekit: interrupted; run `make {words[0]}` again to go on from here", file=sys.stderr)
        return 130


def _function(command: Command) -> Callable[..., int]:
    module, _, name = command.function.partition(":")
    return getattr(importlib.import_module(module), name)
