"""Run by the release's Python: envkernel's classes write each kernel spec, with our launcher in its
argv.

Reads `{"prefix", "kernels": [{"id", "title", "language", "envkernel", "argv", "spec", "files"}]}`
on stdin, in which "envkernel" is a mode of envkernel's and its words. Writes below
PREFIX/share/jupyter/kernels, and prints one line of JSON per kernel: `{"id"}`, with an `"error"`
where it could not be written.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import envkernel


class Ours(envkernel.envkernel):
    """With our argv: `lmod run` of envkernel 1.1.1 starts the hub's Python when a load fails
    (os.popen hides it)."""

    def __init__(self, told: dict[str, Any], prefix: str) -> None:
        named = [
            f"--name={told['id']}",
            f"--display-name={told['title']}",
            f"--language={told['language']}",
            f"--prefix={prefix}",
        ]
        super().__init__([*named, *told["envkernel"][1:]])
        self.told = told

    def install_kernel(self, kernel: dict[str, Any], name: str, **options: Any) -> None:
        kernel.update(self.told["spec"], argv=self.told["argv"])
        # envkernel takes the logos of the hub's own ipykernel, whatever the module has.
        self.copy_files = dict(self.told["files"])
        super().install_kernel(kernel, name, **options)


def main() -> None:
    os.umask(0o022)
    order = json.load(sys.stdin)
    for told in order["kernels"]:
        result = {"id": told["id"]}
        try:
            mode = getattr(envkernel, told["envkernel"][0])
            type(mode.__name__, (Ours, mode), {})(told, order["prefix"]).setup()
        except (Exception, SystemExit) as error:
            # SystemExit is argparse's; the other kernels have nothing to do with it
            result["error"] = repr(error)
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
