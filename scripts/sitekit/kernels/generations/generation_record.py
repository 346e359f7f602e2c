"""generation.json: what a generation of kernels holds, and what is known of those that are not in
it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from ...base.files import write_atomic
from .kernel import Kernel

MARK = "generation.json"
_MAKER = "sitekit make kernels"


@dataclass(frozen=True)
class Record:
    """`kernels` as proven, by id; `failing` of them with the reason, since a check; `quiet`: what
    was probed and has no kernel in it, so that nobody asks again. `test_as` and `start_timeout`
    (seconds) are how they were tried."""

    kernels: Mapping[str, Kernel] = field(default_factory=dict)
    failing: Mapping[str, str] = field(default_factory=dict)
    quiet: Mapping[str, Any] = field(default_factory=dict)
    test_as: str = "nobody"
    start_timeout: int = 120
    complete: bool = False


# A record whose fields were others is not read; its kernels are then proven afresh.
_FORMAT = " ".join(field.name for kind in (Record, Kernel) for field in fields(kind))


def read_record(generation: Path) -> Record | None:
    """What generation.json says; None for a folder that is not ours."""
    try:
        told = json.loads((generation / MARK).read_text())
        if told.pop("made_by") != _MAKER:
            return None
        if told.pop("format") != _FORMAT:
            return Record(complete=told["complete"])
        return Record(
            **{
                **told,
                "kernels": {name: Kernel(**kernel) for name, kernel in told["kernels"].items()},
            }
        )
    except (OSError, ValueError, LookupError, AttributeError, TypeError):
        return None


def write_record(generation: Path, record: Record) -> None:
    """The mark by which we know a generation as ours."""
    told = {"made_by": _MAKER, "format": _FORMAT, **asdict(record)}
    write_atomic(generation / MARK, json.dumps(told, indent=1) + "\n")
