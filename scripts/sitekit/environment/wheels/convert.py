"""`python -m sitekit.environment.wheels.convert`: turns wheels into packages; several run side by
side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...base.child import serve
from .wheel import Wheel


def convert(request: dict[str, Any]) -> list[Any]:
    """`wheels` are all of the channel's, `mine` the ones to convert; returns their repodata
    entries."""
    house = {wheel.name: wheel for wheel in map(Wheel, map(Path, request["wheels"]))}
    mine = set(request["mine"])
    channel = Path(request["channel"])
    return [
        wheel.convert(channel, request["target"], house)
        for wheel in house.values()
        if str(wheel.path) in mine
    ]


if __name__ == "__main__":
    serve(convert)
