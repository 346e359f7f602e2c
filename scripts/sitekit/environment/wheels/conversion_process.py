"""Convert wheels to conda packages in a separate process.

The command is `python -m sitekit.environment.wheels.conversion_process`. Several processes of this kind
convert wheels in parallel.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...base.module_in_child_process import serve
from .convert_one_wheel import Wheel


def convert(request: dict[str, Any]) -> list[Any]:
    """Convert the wheels in the request's list `mine`. Return the entries of the new packages for
    the channel's index.

    The request's list `wheels` has all wheels of the channel, because an extra of one wheel can
    require another wheel.
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
