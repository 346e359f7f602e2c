"""Write kernel specs with envkernel's classes, and put sitekit's launcher into their argv.

The release's Python runs this program. It reads `{"prefix", "kernels": [{"id", "title", "language",
"envkernel", "argv", "spec", "files"}]}` on standard input. "envkernel" holds a mode of envkernel
and its arguments. The specs are written below PREFIX/share/jupyter/kernels. The program prints one
line of JSON for each kernel: `{"id"}`, with an "error" if the spec could not be written.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import envkernel


class Ours(envkernel.envkernel):
    """Write a kernel spec as envkernel does, but with sitekit's launcher in its argv.

    envkernel's own argv is `lmod run`. In envkernel 1.1.1 it starts the hub's Python when a module
    cannot be loaded, because os.popen hides the failure.
    """

    def __init__(self, request: dict[str, Any], prefix: str) -> None:
        named = [
            f"--name={request['id']}",
            f"--display-name={request['title']}",
            f"--language={request['language']}",
            f"--prefix={prefix}",
        ]
        super().__init__([*named, *request["envkernel"][1:]])
        self.request = request

    def install_kernel(self, kernel: dict[str, Any], name: str, **options: Any) -> None:
        """Replace argv and logos, then install the spec as envkernel does."""
        kernel.update(self.request["spec"], argv=self.request["argv"])
        # envkernel would copy the logos of the hub's own ipykernel, also for other languages.
        self.copy_files = dict(self.request["files"])
        super().install_kernel(kernel, name, **options)


def main() -> None:
    """Write the specs that standard input asks for, and print one result for each."""
    os.umask(0o022)
    order = json.load(sys.stdin)
    for request in order["kernels"]:
        result = {"id": request["id"]}
        try:
            mode = getattr(envkernel, request["envkernel"][0])
            type(mode.__name__, (Ours, mode), {})(request, order["prefix"]).setup()
        except (Exception, SystemExit) as error:
            # argparse raises SystemExit. The other kernels shall be written all the same.
            result["error"] = repr(error)
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
