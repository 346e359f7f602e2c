"""Run by the release's Python: envkernel's classes write each kernel spec, with our launcher in its argv.

Reads `{"prefix", "kernels": [{"id", "title", "language", "envkernel", "argv", "spec", "files"}]}` on stdin, in which
"envkernel" is a mode of envkernel's and its words, and prints one line of JSON per kernel written, below
PREFIX/share/jupyter/kernels.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import envkernel


class Ours:
    """With our argv: `lmod run` of envkernel 1.1.1 starts the hub's Python when a load fails (os.popen hides it)."""

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
        mode = getattr(envkernel, told["envkernel"][0])
        type(mode.__name__, (Ours, mode), {})(told, order["prefix"]).setup()
        print(json.dumps({"id": told["id"]}), flush=True)


if __name__ == "__main__":
    main()
