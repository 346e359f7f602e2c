"""Parts of the tests of what is read from Slurm: jobs, and programs that answer in the form in
which Slurm's do."""

from __future__ import annotations

from typing import Any

from sitekit.backends.slurm.parse_jobs import SlurmJob, phase_of

TAG = "0123456789abcdef"


def job(number: int = 12, **other: Any) -> SlurmJob:
    """A running job of alice's."""
    fields: dict[str, Any] = {
        "id": str(number),
        "uid": 1001,
        "user": "alice",
        "state": "RUNNING",
        "partition": "short",
        "host": "n1",
        "start": 1790000000,
        "end": None,
        "priority": 1,
        "reason": "None",
        "tag": TAG,
    }
    fields |= other
    return SlurmJob(**fields, phase=phase_of(fields["state"]))


def record(number: object = 12, comment: str = f"sitekit:demo:{TAG}", **other: str) -> list[str]:
    """The same job as squeue's or sacct's fields."""
    fields = {
        "number": str(number),
        "uid": "1001",
        "user": "alice",
        "state": "RUNNING",
        "partition": "short",
        "host": "n1",
        "start": "1790000000",
        "end": "N/A",
        "priority": "1",
        "reason": "None",
        "comment": comment,
    }
    return list({**fields, **other}.values())


def printed(records: list[list[str]], mark: str) -> str:
    """What squeue prints, whose format has the mark after each field; and sacct, whose delimiter it
    is."""
    return "".join("".join(field + mark for field in fields) + "\n" for fields in records)


def answering(*records: list[str]) -> str:
    """A script that answers as squeue and sacct do, in the frame that it is asked for."""
    lines = printed(list(records), "@MARK@")
    assert "'" not in lines
    return f"""mark=$(printf '%s' "$*" | sed -n 's/.*\\(|[0-9a-f]\\{{16\\}}|\\).*/\\1/p')
printf '%s' '{lines}' | sed "s/@MARK@/$mark/g" """
