"""`make diff` and `sudo make apply`: one plan, shown or executed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

from ...base.command import need_root
from ...base.errors import BadInput, BadInputs, Problem, as_problem
from ...base.progress import say, step
from ...site import Site
from ..checks.finding import Finding
from ..checks.findings import Asked, findings, refusals, told
from ..checks.passwords import who_stays_out
from ..checks.preconditions import unfit
from ..checks.written_files import check
from ..host.file import File
from ..host.lock import alone
from ..host.platform import Platform, this_platform
from ..host.target import Target
from ..installed.applied import applied
from ..installed.entries import MACHINE, NOTHING
from ..installed.manifest import load_manifest
from ..installed.shared import share
from ..render.machine_secrets import generated, made_here
from ..render.rendered_files import render
from ..render.services import running_supervisor, site_services
from ..web.apache_links import links
from ..web.config import front_path, server
from .execute import execute
from .observed import Seen, see, service_states
from .plan import Plan
from .planning import plan
from .restart_services import settle
from .service_changes import runs
from .show import as_diff, done


def diff(site: Site, *, root: Path = MACHINE) -> int:
    """Show what `sudo make apply` would bring; needs no root. Returns 0 for nothing, 1 for changes.
    Raises BadInput."""
    try:
        asked = _asked(site, root, unfit(site, root))
        found = planned(site, this_platform(root), root)
    except BadInputs:
        raise
    except (Problem, OSError) as trouble:
        problem = as_problem(trouble)
        raise BadInput(problem.what, problem.where, problem.remedy) from trouble
    found.notes += told(asked)
    against = refusals(asked)
    for line in as_diff(found, bool(against)):
        say(line)
    if against:
        raise BadInputs(against)
    return 1 if found.changes or found.offers or found.edited else 0


def apply(site: Site, *, root: Path = MACHINE) -> int:
    """Bring the machine whose file tree is `root` to what the site says, or leave it as it was.

    Idempotent. Returns 0, or 1 when new content lies beside a file that was changed by hand, or
    when a sudo rule, a PAM service or the gate was. Raises Problem.
    """
    need_root("apply")
    platform = this_platform(root)
    with alone(root):
        asked = _asked(site, root, unfit(site, root))
        if against := refusals(asked):
            raise BadInputs(against)
        found = planned(site, platform, root)
        found.notes += told(asked)
        _check_release(found, site, platform)
        if found.changed:
            with step("Checking what will be written", total=len(found.changed)):
                check(Target(site, root), platform, found.files, found.changed.keys())
        share(site, root)
        execute(found, site, root, partial(settle, found, site, platform, root))
    for line in done(found):
        say(line)
    # who may do what: there an edit is never all right
    grants = {platform.sudoers, Path("/etc/pam.d"), site.libexec}
    return 1 if found.offers or any(path.parent in grants for path in found.edited) else 0


def _check_release(found: Plan, site: Site, platform: Platform) -> None:
    """Raises BadInput where services of the site would restart into nothing."""
    own = {service.name for service in site_services(site, platform)}
    if own & {change.name for change in found.services} and not (site.current / "bin").is_dir():
        what = f"there is no release in {site.paths.prefix}, and services would restart"
        raise BadInput(what, "paths.prefix", "make setup_conda install_all")


def _asked(site: Site, root: Path, against: list[BadInput]) -> list[Finding]:
    """What machine and cluster say of the site. Raises BadInputs, with all of it, where the site
    does not fit."""
    found: list[Finding] = []
    if root == MACHINE:
        platform, before = this_platform(root), applied(site, root)
        with step("Asking this host and Slurm about the site"):
            found = findings(Asked(site, platform, before, service_states(before, platform)))
    if against:
        raise BadInputs([*against, *refusals(found)])
    return found


def planned(
    site: Site, platform: Platform, root: Path, made_up: dict[Path, File] | None = None
) -> Plan:
    """Look at the machine, and plan. `made_up` takes the place of what stands there, or would be
    made."""
    files, before = render(site, platform), load_manifest(applied(site, root), root)
    own: dict[Path, File] = {}
    with suppress(PermissionError):  # whoever may not read them cannot change them either
        own |= generated(Target(site, root))
    own |= made_up or {}
    wanted = links(Target(site, root), platform)
    seen = see(site, platform, [*own, *files, *wanted], before, root)
    found = plan(site, platform, files, own, wanted, seen, before)
    found.notes += _by_hand(found, site, platform, seen)
    unread = sorted(path for path in made_here(site) - own.keys() if str(path) in before.files)
    found.notes += who_stays_out(site, platform, root)
    found.notes += [
        f"{path}: you may not read it; it is kept as long as it serves" for path in unread
    ]
    if any(change.verb == "start" for change in found.services):
        running_supervisor(site)  # that can start them
    return found


def _by_hand(found: Plan, site: Site, platform: Platform, seen: Seen) -> Iterator[str]:
    """What is left to the administrator, where the site comes into the machine's own web server."""
    web, there = server(site, platform), found.changed.get(front_path(site, platform))
    if site.front.instance == "system" and there:
        if not runs(seen.services, web):
            yield f"{web.service} does not run, and sitekit does not start it: systemctl enable --now {web.service}"
        if web.by_hand and there == NOTHING:
            yield f"once, by hand, so that it may reach the hub: {web.by_hand}"
