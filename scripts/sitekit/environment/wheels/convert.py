"""Convert wheels into conda packages, as a child process.

It is started as `python -m sitekit.environment.wheels.convert`. Several run in parallel.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...base.child import serve
from .wheel import Wheel


def convert(request: dict[str, Any]) -> list[Any]:
    """Convert the wheels `mine`; return their entries in the index of the channel.

    `wheels` are all wheels of the channel.
    """
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
