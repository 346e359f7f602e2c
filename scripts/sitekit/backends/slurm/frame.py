"""One query to squeue or sacct, framed: a mark follows each field of the answer, and no job can
know it beforehand.

A job's name, its comment and its paths are its owner's to write, and Slurm prints them as they are,
with line breaks and separators. So lines and separators decide nothing here. The answer is a
sequence of fields; every `width` of them are a record, whatever they hold.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..interface import NoAnswer


class Unreadable(NoAnswer):
    """Slurm's program answered, but not in the form that it was asked for."""


@dataclass(frozen=True)
class Frame:
    """The form of one answer: so many fields in a record, each followed by the mark. A new one for
    each query."""

    width: int
    mark: str = field(default_factory=lambda: f"|{secrets.token_hex(8)}|")

    def format(self, letters: Sequence[str]) -> str:
        """squeue's --format; `letters` such as `i` for `%i`."""
        return "--format=" + "".join(f"%{letter}{self.mark}" for letter in letters)

    def long_format(self, names: Sequence[str]) -> str:
        """squeue's --Format, which knows fields that --format does not."""
        return "--Format=" + ",".join(f"{name}:{self.mark}" for name in names)

    def columns(self, names: Sequence[str]) -> tuple[str, ...]:
        """The same for sacct. It is --parsable and not --parsable2, so that the mark follows the
        last field too."""
        return ("--parsable", f"--delimiter={self.mark}", f"--format={','.join(names)}")

    def records(self, text: str) -> list[list[str]]:
        """The answer's records, each a list of `width` fields. Raises Unreadable for half an
        answer, or for one that is followed by something else."""
        *fields, rest = text.split(self.mark)
        if rest.strip() or len(fields) % self.width:
            what = f"{len(fields)} fields, which are no records of {self.width}"
            raise Unreadable(f"Slurm answered with {what}; the answer ends with {text[-80:]!r}")
        found = [fields[at : at + self.width] for at in range(0, len(fields), self.width)]
        # the line break before a record stands in its first field, which is a job's number and
        # holds none of its own
        return [[first.rpartition("\n")[2], *others] for first, *others in found]
