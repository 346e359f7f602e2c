"""Make squeue or sacct separate the fields of its output by a random mark, and split the output at
this mark.

The owner of a job chooses its name, its comment and its paths. Slurm prints a job's name, comment
and paths unchanged, with line breaks and separators. The answer is therefore not split at lines or
at known separators. Because each query uses a new random mark, no user can put the mark into a
job's name on purpose. The answer is a sequence of fields, and every `width` fields are one record.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..start_and_job_records import NoAnswer


class Unreadable(NoAnswer):
    """Report that the output of squeue or sacct does not have the requested fields."""


@dataclass(frozen=True)
class Frame:
    """Describe the form of one output: each record has `width` fields, and the mark follows each
    field.

    Create a new Frame for each query.
    """

    width: int
    mark: str = field(default_factory=lambda: f"|{secrets.token_hex(8)}|")

    def format(self, letters: Sequence[str]) -> str:
        """Return the option --format of squeue, for letters such as `i` for `%i`."""
        return "--format=" + "".join(f"%{letter}{self.mark}" for letter in letters)

    def long_format(self, names: Sequence[str]) -> str:
        """Return the option --Format of squeue, which has fields that --format lacks."""
        return "--Format=" + ",".join(f"{name}:{self.mark}" for name in names)

    def columns(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return the options with which sacct prints these fields, and the mark after each field.

        The options include --parsable and not --parsable2, because with --parsable the mark also
        follows the last field.
        """
        return ("--parsable", f"--delimiter={self.mark}", f"--format={','.join(names)}")

    def records(self, text: str) -> list[list[str]]:
        """Return the answer's records, each a list of `width` fields.

        Raises Unreadable if the answer is not complete, or if other text follows.
        """
        *fields, rest = text.split(self.mark)
        if rest.strip() or len(fields) % self.width:
            what = f"{len(fields)} fields, which are no records of {self.width}"
            raise Unreadable(f"Slurm answered with {what}; the answer ends with {text[-80:]!r}")
        found = [fields[at : at + self.width] for at in range(0, len(fields), self.width)]
        # The first field of a record begins with the line break that ends the record before. The
        # first field is a job's number, which contains no line break itself.
        return [[first.rpartition("\n")[2], *others] for first, *others in found]
