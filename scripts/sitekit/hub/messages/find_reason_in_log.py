"""Select the lines of a server's log that possibly contain the reason why the server ended."""

from __future__ import annotations

import re
from collections.abc import Sequence

MATTERS = re.compile(
    r"error|exception|traceback|fatal|critical|denied|refused|killed|oom|no space|quota|cannot|"
    r"could not|not found|no such|failed|timed out|sitekit:|slurmstepd|srun:",
    re.IGNORECASE,
)
LAST = 5  # the number of last lines that are shown if no line contains a reason
MOST = 12  # the highest number of lines that are shown


def lines_that_matter(lines: Sequence[str]) -> list[str]:
    """Return the lines that possibly contain the reason of a failure, with the lines of a
    traceback.

    If there are no such lines, the last lines are returned.
    """
    kept, follows = [], False
    for line in lines:
        indented = line[:1].isspace()
        follows = (follows and indented) or MATTERS.search(line) is not None
        if follows:
            kept.append(line)
    return (kept or list(lines[-LAST:]))[-MOST:]
