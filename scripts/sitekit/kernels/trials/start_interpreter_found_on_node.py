"""Define the commands that start an interpreter whose path is known only on the node where the
kernel starts."""

from __future__ import annotations

from typing import Any

from ..discovery.rules import CONNECTION
from .find_interpreter import IPYKERNEL

# Without lib.loc, R would prefer an IRkernel in the user's own library.
_R = (
    "own <- normalizePath(strsplit(Sys.getenv('R_LIBS_USER'), ':')[[1]], mustWork = FALSE); "
    "loadNamespace('IRkernel', lib.loc = setdiff(.libPaths(), own))"
)
WAYS = {
    "python": {
        "command": ["python", *IPYKERNEL],
        "test": ["-c", "import ipykernel.kernelapp"],
        "package": "ipykernel",
    },
    "R": {
        "command": ["R", "--slave", "-e", f"{_R}; IRkernel::main()", "--args", CONNECTION],
        "test": ["--slave", "-e", _R],
        "package": "IRkernel",
    },
}


def another_build(language: str, version: str) -> dict[str, Any]:
    """Return the commands with which the launch program tests and starts an interpreter of another
    build than in the first test.

    Some modules choose the build of their interpreter by the CPU type of the node. The build of the
    first test and the build on the node must have the same major and minor version, such as 3.11 or
    4.2.
    """
    way, numbers = WAYS[language], version.split(".")[:2]
    same = {
        "python": f"import sys; sys.exit(sys.version_info[:2] != ({', '.join(numbers)}))",
        "R": "if (!startsWith(paste(R.version$major, R.version$minor, sep = '.'), "
        f"'{'.'.join(numbers)}.')) quit(status = 1)",
    }
    *words, test = way["test"]
    return {"command": way["command"], "test": [*words, f"{test}; {same[language]}"]}
