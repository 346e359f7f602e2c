"""Write kernel specs with envkernel's classes. The release's Python runs this program.

The program reads `{"prefix", "kernels": [{"id", "title", "language", "envkernel", "argv", "spec",
"files"}]}` on stdin. "envkernel" is a list with a mode of envkernel and its arguments. The program
writes below PREFIX/share/jupyter/kernels. The program prints one line of JSON for each kernel:
`{"id"}`. The line also contains `"error"` if the spec could not be written.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import envkernel


class Ours(envkernel.envkernel):
    """Replace envkernel's command line in a kernel spec by a command line with sitekit's launch
    program.

    If `lmod run` fails to load a module, the command line of envkernel 1.1.1 starts the hub's
    Python in place of the module's Python (os.popen hides the error).
    """

    def __init__(self, kernel_data: dict[str, Any], prefix: str) -> None:
        named = [
            f"--name={kernel_data['id']}",
            f"--display-name={kernel_data['title']}",
            f"--language={kernel_data['language']}",
            f"--prefix={prefix}",
        ]
        super().__init__([*named, *kernel_data["envkernel"][1:]])
        self.kernel_data = kernel_data

    def install_kernel(self, kernel: dict[str, Any], name: str, **options: Any) -> None:
        kernel.update(self.kernel_data["spec"], argv=self.kernel_data["argv"])
        # Without this line, envkernel would copy the logos of the hub's ipykernel for every module.
        self.copy_files = dict(self.kernel_data["files"])
        super().install_kernel(kernel, name, **options)


def main() -> None:
    os.umask(0o022)
    request = json.load(sys.stdin)
    for kernel_data in request["kernels"]:
        result = {"id": kernel_data["id"]}
        try:
            mode = getattr(envkernel, kernel_data["envkernel"][0])
            type(mode.__name__, (Ours, mode), {})(kernel_data, request["prefix"]).setup()
        except (Exception, SystemExit) as error:
            # argparse raises SystemExit; the program continues with the other kernels
            result["error"] = repr(error)
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
