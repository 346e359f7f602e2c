"""Parse command lines with envkernel's own parser. The release's Python runs this program.

The program reads the command lines as JSON from stdin: `[[mode, word, ...], ...]`. The program
prints a JSON list with one entry for each command line: `{"mode", "name", "title", "template",
"language", "argv", "env", "place", "rest"}` or `{"error"}`. "place" is the path of the environment,
or the image. "rest" has the remaining words of the command line, which are modules or options.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import sys
from typing import Any

import envkernel

PLACES = ("conda", "virtualenv", "venv", "singularity", "docker")


def read(mode: str, *words: str) -> dict[str, Any]:
    """Parse one command line of envkernel. Return the result, or `{"error": reason}`."""
    if mode != "lmod" and mode not in PLACES:
        return {"error": f"'{mode}' is not a mode of envkernel's"}
    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint):
            return understood(mode, list(words))
    except SystemExit:  # argparse exits if the command line has a mistake
        return {"error": complaint.getvalue().strip().rpartition("error: ")[2]}


def understood(mode: str, words: list[str]) -> dict[str, Any]:
    """Parse the words after the mode with envkernel's parser, and return the result as a
    dictionary."""
    # Without this line, envkernel would search for the template among the kernels of this release.
    # The template is not one of these kernels.
    first = argparse.ArgumentParser(allow_abbrev=False)
    first.add_argument("--kernel-template", default="")
    first.add_argument("--purge", action="store_true")
    first.add_argument("--pwd", action="store_true")
    early, words = first.parse_known_args(words)
    known = early.kernel_template.partition("-")[0]
    kernel = envkernel.envkernel(
        [*([f"--kernel={known}"] if known in envkernel.KNOWN_KERNELS else []), *words]
    )
    kernel.setup()
    place = argparse.ArgumentParser(prog=f"envkernel {mode}")
    if mode in PLACES:
        place.add_argument("place")
    options, rest = place.parse_known_args(kernel.argv)
    return {
        "mode": mode,
        "name": kernel.name,
        "title": kernel.setup_args.display_name,
        "template": early.kernel_template,
        "language": kernel.kernel["language"],
        "argv": kernel.kernel["argv"],
        "env": kernel.kernel.get("env", {}),
        "place": getattr(options, "place", None),
        "rest": rest,
    }


if __name__ == "__main__":
    print(json.dumps([read(*words) for words in json.load(sys.stdin)]))
