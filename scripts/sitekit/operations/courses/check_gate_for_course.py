"""Check that the gate on the login node accepts the servers of a course, for a hub outside the
cluster."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from dataclasses import replace

from ...backends.resource_choice import Choice
from ...backends.slurm import gate_client
from ...backends.slurm import ssh_files as ssh
from ...backends.start_and_job_records import NoAnswer, Refused
from ...base.finding import Finding, unseen
from ...site import Site
from ...site.courses.course_files import Course
from . import roster_accounts

OLD = ("no such course", "more than the gate knows")
"""Parts of two error messages: of a gate without this course, and of a gate from an older sitekit,
which had no courses."""
INSTALL = "sudo make gate_bundle, and install the file on the login node"


def check_gate_has_course(site: Site, course: Course) -> Iterator[Finding]:
    """Yield a finding if the gate refuses the servers of the course.

    The gate runs `sbatch --test-only`, which submits no job. The test does not use the course's
    reservation, because perhaps the reservation has not begun yet.
    """
    if not os.access(ssh.key(site), os.R_OK):
        yield unseen(
            "the gate on the login node was not queried", "run it as root, after make apply"
        )
        return
    user = next(iter(roster_accounts.participants_of(course)), None)
    account = user if site.login.accounts == "same" else site.login.gateway
    if user is None or account is None:
        yield unseen("the gate was not queried: no participant has an account on this host")
        return
    choice = replace(Choice.of(course.tier), course=course.key, reservation="")
    request = gate_client.request_of(choice, "0" * 16, {})
    request |= {} if user == account else {"user": user}
    try:
        if asyncio.run(gate_client.start_of(site, account, request)) is None:
            yield Finding("no node could ever run a server of this size", "tier")
    except Refused as refusal:
        if any(sign in str(refusal) for sign in OLD):
            what = "the gate on the login node does not have this course, and refuses its servers"
            yield Finding(what, "slurm.ssh", INSTALL)
        else:
            yield Finding(f"for {account}, the gate on the login node says: {refusal}", "slurm.ssh")
    except NoAnswer as error:
        yield unseen(str(error))
    if course.file.material or course.file.page or course.file.kernel:
        yield unseen(
            "the gate does not report the material, page and kernel in its configuration of this course",
            f"after a change of one of them: {INSTALL}",
        )
