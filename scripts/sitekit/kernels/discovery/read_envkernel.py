"""Run by the release's Python: envkernel's own parser reads command lines of envkernel's.

Reads `[[mode, word, ...], ...]` on stdin. Prints a JSON list with `{"mode", "name", "title",
"template", "language", "argv", "env", "place", "rest"}` for each, where "place" is the path or
image and "rest" what is left: modules or options; or `{"error"}`.
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
    if mode != "lmod" and mode not in PLACES:
        return {"error": f"'{mode}' is not a mode of envkernel's"}
    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint):
            return understood(mode, list(words))
    except SystemExit:  # argparse
        return {"error": complaint.getvalue().strip().rpartition("error: ")[2]}


def understood(mode: str, words: list[str]) -> dict[str, Any]:
    # A template is looked up among the kernels installed here; the one that is meant is elsewhere.
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
    said, rest = place.parse_known_args(kernel.argv)
    return {
        "mode": mode,
        "name": kernel.name,
        "title": kernel.setup_args.display_name,
        "template": early.kernel_template,
        "language": kernel.kernel["language"],
        "argv": kernel.kernel["argv"],
        "env": kernel.kernel.get("env", {}),
        "place": getattr(said, "place", None),
        "rest": rest,
    }


if __name__ == "__main__":
    print(json.dumps([read(*words) for words in json.load(sys.stdin)]))
