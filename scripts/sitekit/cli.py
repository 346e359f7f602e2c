"""The command line: one table from make targets to functions, and one place where errors become text and exit codes."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .data import CHECKOUT
from .errors import Problem, as_problem


@dataclass(frozen=True)
class Command:
    """Where a command's function lives. With `site` it gets the Site of site.yml first; words follow."""

    function: str
    site: bool = True


COMMANDS = {
    "new_site": Command("sitekit.new_site:new_site", site=False),
    "check_site": Command("sitekit.show:check_site"),
    "show": Command("sitekit.show:show"),
    "setup_conda": Command("sitekit.environment.commands:setup_conda"),
    "install_all": Command("sitekit.environment.commands:install_all"),
    "bundle": Command("sitekit.environment.commands:bundle"),
    "lock": Command("sitekit.environment.commands:lock"),
    "releases": Command("sitekit.upkeep.commands:releases"),
    "upgrade": Command("sitekit.upkeep.commands:upgrade"),
    "rollback": Command("sitekit.upkeep.commands:rollback"),
    "prune_releases": Command("sitekit.upkeep.commands:prune_releases"),
    "uninstall_environment": Command("sitekit.upkeep.commands:uninstall_environment"),
    "kernels": Command("sitekit.kernels.commands:kernels"),
    "kernels_diff": Command("sitekit.kernels.commands:kernels_diff"),
    "kernels_check": Command("sitekit.kernels.commands:kernels_check"),
    "kernels_import": Command("sitekit.kernels.commands:kernels_import"),
    "diff": Command("sitekit.change.apply:diff"),
    "apply": Command("sitekit.change.apply:apply"),
    "uninstall": Command("sitekit.back.uninstall:uninstall"),
    "backup": Command("sitekit.back.backup:backup"),
    "restore": Command("sitekit.back.restore:restore", site=False),
    "rotate_secrets": Command("sitekit.back.rotate:rotate_secrets"),
    "start": Command("sitekit.machine.commands:start"),
    "stop": Command("sitekit.machine.commands:stop"),
    "status": Command("sitekit.machine.commands:status"),
    "certificate": Command("sitekit.fronts.acme:certificate"),
    "certificate_check": Command("sitekit.fronts.expiry:certificate_check"),
    "maintenance_on": Command("sitekit.fronts.maintenance:maintenance_on"),
    "maintenance_off": Command("sitekit.fronts.maintenance:maintenance_off"),
    "advisories": Command("sitekit.advisories.commands:advisories"),
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
