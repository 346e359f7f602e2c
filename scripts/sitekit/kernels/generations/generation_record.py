"""Read and write generation.json, which records the kernels of a generation and their test
results."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from ...base.files import write_atomic
from .kernel_record import Kernel

MARK = "generation.json"
_MAKER = "sitekit make kernels"


@dataclass(frozen=True)
class Record:
    """Hold the contents of generation.json.

    `kernels` maps kernel ids to the kernels that passed the test. `failing` maps the ids of kernels
    that failed in a later check to the reasons. `quiet` has the candidates that were tested and
    contain no kernel. `make kernels` does not test these candidates again until they change.
    `test_as` is the account that ran the kernels in the test. `start_timeout` is the time limit of
    the test in seconds.
    """

    kernels: Mapping[str, Kernel] = field(default_factory=dict)
    failing: Mapping[str, str] = field(default_factory=dict)
    quiet: Mapping[str, Any] = field(default_factory=dict)
    test_as: str = "nobody"
    start_timeout: int = 120
    complete: bool = False


# If a generation.json has other fields, sitekit ignores the file, and tests all kernels again.
_FORMAT = " ".join(field.name for kind in (Record, Kernel) for field in fields(kind))


def read_record(generation: Path) -> Record | None:
    """Return the record of a generation. If sitekit did not make the folder, return None."""
    try:
        content = json.loads((generation / MARK).read_text())
        if content.pop("made_by") != _MAKER:
            return None
        if content.pop("format") != _FORMAT:
            return Record(complete=content["complete"])
        content["kernels"] = {name: Kernel(**data) for name, data in content["kernels"].items()}
        return Record(**content)
    except (OSError, ValueError, LookupError, AttributeError, TypeError):
        return None


def write_record(generation: Path, record: Record) -> None:
    """Write generation.json, which also marks the folder as made by sitekit."""
    content = {"made_by": _MAKER, "format": _FORMAT, **asdict(record)}
    write_atomic(generation / MARK, json.dumps(content, indent=1) + "\n")
