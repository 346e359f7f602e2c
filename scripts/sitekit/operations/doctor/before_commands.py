"""Run `make diff`, `sudo make apply` and `sudo make start`. Before each command, run the checks of
`make doctor` about the files and services that the command changes or starts.

The code in the folder `machine` runs only the checks in machine/checks before an apply. This module
adds the other checks of `make doctor`, which the folder `machine` cannot import.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from functools import partial

from ...base.errors import BadInputs
from ...base.finding import Finding, Severity
from ...base.progress import say, step
from ...base.run_program import need_root
from ...machine.apply import commands as applying
from ...machine.checks.run_checks import describe_findings, refusals
from ...machine.host.platform import this_platform
from ...machine.run import start_and_stop as running
from ...site import Site
from .check import Check
from .context import Context, choose_user
from .list_of_checks import CHECKS
from .run_checks import Result, run_checks


def diff(site: Site) -> int:
    """Print the changes that `sudo make apply` would make. Returns 0 if nothing would change, else 1.

    Raises BadInput.
    """
    return applying.diff(site, more=partial(findings_before, "apply", site))


def apply(site: Site) -> int:
    """Make the machine match the site file, unless a check finds an error. Raises Problem."""
    return applying.apply(site, more=partial(findings_before, "apply", site))


def start(site: Site) -> int:
    """Start the site's services, unless a check finds an error with which the services cannot run.

    Raises BadInputs, with all reasons, before anything is started. Raises Problem if a service does
    not start.
    """
    need_root("start")
    with step("Checking what the services need"):
        found = findings_before("start", site)
    for line in describe_findings(found):
        say(f" !! {line}" if not line.startswith(" ") else line)
    if unmet := refusals(found):
        raise BadInputs(unmet)
    return running.start(site)


def findings_before(command: str, site: Site) -> list[Finding]:
    """Run the checks before the command `apply` or `start`, and return their findings. After an
    error, the other checks still run.

    Checks on which these checks depend also run, but their findings are not returned, because the
    command itself can repair such faults. For example, the first `make apply` creates the state
    folder.
    """
    wanted = {check.id for check in CHECKS if command in check.before}
    checks = with_needs(CHECKS, wanted)
    results = run_checks(checks, Context(site, this_platform(), choose_user(site)))
    return [one for result in results if result.check.id in wanted for one in _complete(result)]


def with_needs(checks: Sequence[Check], wanted: Collection[str]) -> list[Check]:
    """Return the checks with these ids and all checks that they need, in the order of `checks`."""
    by_id, found, ids = {check.id: check for check in checks}, set(), list(wanted)
    while ids:
        if (name := ids.pop()) in by_id and name not in found:
            found.add(name)
            ids += by_id[name].needs
    return [check for check in checks if check.id in found]


def _complete(result: Result) -> Iterator[Finding]:
    """Yield the errors and warnings of a check, each with a place and a remedy. If a finding has no
    place, the place is the id of the check. If a finding has no remedy, the remedy is that of the
    check."""
    for one in result.found:
        if one.severity >= Severity.WARNING:
            where, remedy = one.where or result.check.id, one.remedy or result.check.remedy
            yield replace(one, where=where, remedy=remedy)
