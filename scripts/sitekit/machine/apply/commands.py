"""Implement the commands `make diff` and `sudo make apply`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

from ...base.errors import BadInput, BadInputs, Problem, as_problem
from ...base.finding import Finding
from ...base.progress import say, step
from ...base.run_program import need_root
from ...site import Site
from ...site.courses.course_files import site_courses
from ..checks.password_verification import who_stays_out
from ..checks.preconditions import unmet_preconditions
from ..checks.run_checks import SiteChange, collect_findings, describe_findings, refusals
from ..checks.syntax_before_writing import check
from ..host.file_to_write import File
from ..host.lock import hold_machine_lock
from ..host.platform import Platform, this_platform
from ..host.target import Target
from ..installed.applied_site import applied
from ..installed.manifest import load_manifest
from ..installed.read_and_restore_path import MACHINE, NOTHING
from ..installed.shared_between_sites import share
from ..render.machine_secrets import generated_files_of, generated_paths
from ..render.rendered_files import render
from ..render.services_of_site import running_supervisor, site_services
from ..web.apache_links import links
from ..web.config import front_path, server
from .execute_plan import execute
from .machine_state import MachineState, read_machine_state, service_states
from .make_plan import make_plan
from .plan import ApplyPlan
from .plan_text import describe_plan, describe_result
from .remind_to_update_gate import for_the_gate
from .restart_services import restart_services
from .service_changes import runs

More = Callable[[], list[Finding]]
"""A function with further checks. The package sitekit.operations passes the checks of `make doctor`
that concern an apply."""


def no_findings() -> list[Finding]:
    """Return an empty list. diff() and apply() call this function if the caller passes no checks of
    its own.
    """
    return []


def diff(site: Site, *, root: Path = MACHINE, more: More = no_findings) -> int:
    """Print the changes that `sudo make apply` would make. `make diff` can be run without root.

    Returns 0 if nothing would change, else 1. Raises BadInput.
    """
    try:
        findings_here = _collect_all_findings(site, root, more)
        plan = plan_apply(site, this_platform(root), root)
    except BadInputs:
        raise
    except (Problem, OSError) as error:
        problem = as_problem(error)
        raise BadInput(problem.what, problem.where, problem.remedy) from error
    plan.notes += describe_findings(findings_here)
    unmet = refusals(findings_here)
    for line in describe_plan(plan, bool(unmet)):
        say(line)
    if unmet:
        raise BadInputs(unmet)
    return 1 if plan.changes or plan.offers or plan.edited else 0


def apply(site: Site, *, root: Path = MACHINE, more: More = no_findings) -> int:
    """Make the machine match the site file. After a failure, restore the earlier state of the
    machine.

    `root` is the folder that contains the machine's file tree. If the machine already matches the
    site file, nothing changes.

    Returns 1 if somebody has changed a sudo rule, a PAM service or the gate by hand. Returns 1 also
    if new content was written beside a file that was changed by hand. Otherwise returns 0. Raises
    Problem.
    """
    need_root("apply")
    platform = this_platform(root)
    with hold_machine_lock(root):
        findings_here = _collect_all_findings(site, root, more)
        if unmet := refusals(findings_here):
            raise BadInputs(unmet)
        plan = plan_apply(site, platform, root)
        plan.notes += describe_findings(findings_here)
        _check_release(plan, site, platform)
        if plan.changed:
            with step("Checking what will be written", total=len(plan.changed)):
                check(Target(site, root), platform, plan.files, plan.changed.keys())
        share(site, root)
        execute(plan, site, root, partial(restart_services, plan, site, platform, root))
    for line in describe_result(plan):
        say(line)
    # Files in these folders grant rights. Therefore the command fails (returns 1) if somebody has
    # changed one of them by hand.
    grants = {platform.sudoers, Path("/etc/pam.d"), site.libexec}
    return 1 if plan.offers or any(path.parent in grants for path in plan.edited) else 0


def _check_release(plan: ApplyPlan, site: Site, platform: Platform) -> None:
    """Raise Problem if the plan restarts services, but no release (the hub's software) is
    installed."""
    own = {service.name for service in site_services(site, platform)}
    if own & {change.name for change in plan.services} and not (site.current / "bin").is_dir():
        what = f"there is no release in {site.paths.prefix}, and services would restart"
        raise BadInput(what, "paths.prefix", "make setup_conda install_all")


def _collect_all_findings(site: Site, root: Path, more: More) -> list[Finding]:
    """Check machine and cluster, and return the problems (findings).

    Raises BadInputs, with all reasons, if the machine does not meet the preconditions.
    """
    unmet, found = unmet_preconditions(site, root), list[Finding]()
    if root == MACHINE:
        platform, before = this_platform(root), applied(site, root)
        with step("Checking the site against this host and Slurm"):
            found = collect_findings(
                SiteChange(site, platform, before, service_states(before, platform))
            )
            found += more()
    if unmet:
        raise BadInputs([*unmet, *refusals(found)])
    return found


def plan_apply(
    site: Site, platform: Platform, root: Path, generated_files: dict[Path, File] | None = None
) -> ApplyPlan:
    """Read the state of the machine, and return the plan of the changes for `make apply`.

    If `generated_files` (keys and certificates) is given, the plan uses these files instead of the
    keys and certificates on the machine.
    """
    # The course files are read a single time. Therefore sitekit writes for the hub and the gate
    # exactly the texts that it has checked.
    files = render(site, platform, site_courses(site))
    before = load_manifest(applied(site, root), root)
    own: dict[Path, File] = {}
    with suppress(PermissionError):  # only root can read the secrets and run `make apply`
        own |= generated_files_of(Target(site, root))
    own |= generated_files or {}
    wanted_links = links(Target(site, root), platform)
    seen = read_machine_state(site, platform, [*own, *files, *wanted_links], before, root)
    plan = make_plan(site, platform, files, own, wanted_links, seen, before)
    plan.notes += _by_hand(plan, site, platform, seen)
    unread = sorted(
        path for path in generated_paths(site) - own.keys() if str(path) in before.files
    )
    plan.notes += who_stays_out(site, platform, root)
    plan.notes += for_the_gate(site, plan.changed)
    plan.notes += [
        f"{path}: you may not read it; it is replaced only when it is no longer valid"
        for path in unread
    ]
    if any(change.verb == "start" for change in plan.services):
        running_supervisor(
            site
        )  # raises Problem if the supervisor of site.yml cannot run on this machine
    return plan


def _by_hand(plan: ApplyPlan, site: Site, platform: Platform, seen: MachineState) -> Iterator[str]:
    """Yield the changes that the administrator must make in the machine's own web server."""
    web, there = server(site, platform), plan.changed.get(front_path(site, platform))
    if site.front.instance == "system" and there:
        if not runs(seen.services, web):
            yield f"{web.service} does not run, and sitekit does not start it: systemctl enable --now {web.service}"
        if web.by_hand and there == NOTHING:
            yield f"run this once so that {web.service} may connect to the hub: {web.by_hand}"
