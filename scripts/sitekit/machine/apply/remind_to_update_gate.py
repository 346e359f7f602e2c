"""If course files change and the gate is on a login node, remind the administrator that the gate
also needs the new course files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from ...site import Site
from ...site.courses.course_files import offered_courses


def for_the_gate(site: Site, changed: Mapping[Path, object]) -> Iterator[str]:
    """Yield a note for the administrator if course files change and the gate runs on another host
    (the login node).

    `changed` has the paths of the files that the apply writes.
    """
    folder = offered_courses(site)
    keys = sorted(path.stem for path in changed if path.parent == folder and path.suffix == ".yml")
    if keys and site.slurm.ssh:
        yield (
            f"courses that are new or changed: {', '.join(keys)}. The gate refuses the servers of a "
            "new course, and keeps the material, page and kernel of an old one, until the login "
            "node has a new file of make gate_bundle"
        )
