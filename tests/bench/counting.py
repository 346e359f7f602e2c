"""Counting what is really executed: a folder of wrappers, each of which leaves a byte and becomes
the real program."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

WRAPPER = """#!/bin/sh
printf . >>'{tally}'
exec '{program}' "$@"
"""
SCHEDULER = (
    "sacct", "sacctmgr", "salloc", "sbatch", "scancel", "scontrol",
    "sdiag", "sinfo", "sprio", "squeue", "srun", "sshare",
)  # fmt: skip
"""Every program of Slurm that puts a question to slurmctld or slurmdbd."""


def scheduler_programs(folder: Path) -> list[Path]:
    """Those of them that lie in `folder`, all of which a counting folder must hold: what lacks is
    never asked."""
    return [path for path in (folder / name for name in SCHEDULER) if path.exists()]


class Counter:
    """Wrappers in `folder`/bin for the programs of `paths`; whoever runs one, as whatever user, is
    counted."""

    def __init__(self, folder: Path, paths: Iterable[Path]) -> None:
        self.bin, self._tallies = folder / "bin", folder / "tallies"
        for made in (folder, self.bin, self._tallies):
            made.mkdir(exist_ok=True)
            made.chmod(0o755)
        for program in paths:
            tally = self._tallies / program.name
            tally.touch()
            tally.chmod(0o666)
            wrapper = self.bin / program.name
            wrapper.write_text(WRAPPER.format(tally=tally, program=program))
            wrapper.chmod(0o755)

    def counts(self) -> dict[str, int]:
        """How often each program was started so far."""
        return {tally.name: tally.stat().st_size for tally in self._tallies.iterdir()}


def since(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    """What was started between two looks at the counts."""
    return {name: after[name] - before[name] for name in after if after[name] != before[name]}


def queries(started: dict[str, int]) -> int:
    """How many of the programs put a question to the scheduler."""
    return sum(started.get(name, 0) for name in SCHEDULER)
