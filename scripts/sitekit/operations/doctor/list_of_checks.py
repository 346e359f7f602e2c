"""List all checks of `make doctor` in the order in which they run, and write the list for
docs/doctor.md."""

from __future__ import annotations

from collections.abc import Iterator

from .check import Check, Subject
from .checks import (
    accounting_limits,
    accounts,
    courses,
    files,
    front,
    hub,
    kernels,
    local_backends,
    login,
    network,
    node,
    nodes_and_jobs,
    partitions,
    release,
    security,
    servers,
    services,
    site_file,
    slurm,
    state,
    sudo,
    system,
    tunnels,
)

SUBJECTS: tuple[Subject, ...] = (
    site_file.subject,
    system.subject,
    accounts.subject,
    release.subject,
    state.subject,
    files.subject,
    network.subject,
    slurm.subject,
    partitions.subject,
    nodes_and_jobs.subject,
    accounting_limits.subject,
    services.subject,
    hub.subject,
    servers.subject,
    front.subject,
    sudo.subject,
    login.subject,
    node.subject,
    kernels.subject,
    security.subject,
    tunnels.subject,
    local_backends.subject,
    courses.subject,
)

CHECKS: list[Check] = [check for subject in SUBJECTS for check in subject.checks]


def page() -> str:
    """Return the tables of all checks for docs/doctor.md."""
    return "\n".join(_page()) + "\n"


def _page() -> Iterator[str]:
    """Yield the lines of the tables of all checks."""
    for subject in SUBJECTS:
        yield f"\n### {subject.title}\n"
        yield "| id | looks at | why it matters | how to repair it |\n|---|---|---|---|"
        for check in subject.checks:
            marks = [*(["needs root"] if check.root else []), *(["NODES=1"] if check.nodes else [])]
            looks = check.looks_at + (f" ({', '.join(marks)})" if marks else "")
            yield f"| `{check.id}` | {looks} | {check.why} | {check.remedy} |"
