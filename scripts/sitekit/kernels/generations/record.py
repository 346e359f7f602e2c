"""Read and write generation.json, the list of the kernels in a generation."""

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
    """Hold the contents of generation.json.

    `kernels` holds the proven kernels by id. `failing` holds those of them that a later check found
    failing, with the reason. `quiet` holds candidates in which the probe found no kernel, so that
    they are not probed again. `test_as` is the account that started the kernels for the test.
    `start_timeout` is the longest time for a start, in seconds.
    """

    kernels: Mapping[str, Kernel] = field(default_factory=dict)
    failing: Mapping[str, str] = field(default_factory=dict)
    quiet: Mapping[str, Any] = field(default_factory=dict)
    test_as: str = "nobody"
    start_timeout: int = 120
    complete: bool = False


# A record with other fields was written by another version of sitekit. Its kernels are not read,
# and `make kernels` proves all kernels again.
_FORMAT = " ".join(field.name for kind in (Record, Kernel) for field in fields(kind))


def read_record(generation: Path) -> Record | None:
    """Return the record in generation.json, None if sitekit did not make the folder."""
    try:
        values = json.loads((generation / MARK).read_text())
        if values.pop("made_by") != _MAKER:
            return None
        if values.pop("format") != _FORMAT:
            return Record(complete=values["complete"])
        return Record(
            **{
                **values,
                "kernels": {name: Kernel(**kernel) for name, kernel in values["kernels"].items()},
            }
        )
    except (OSError, ValueError, LookupError, AttributeError, TypeError):
        return None


def write_record(generation: Path, record: Record) -> None:
    """Write generation.json, which also marks the folder as made by sitekit."""
    values = {"made_by": _MAKER, "format": _FORMAT, **asdict(record)}
    write_atomic(generation / MARK, json.dumps(values, indent=1) + "\n")
